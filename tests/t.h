/* SPDX-License-Identifier: MIT */
/* What every cmocka test includes, in the order that cmocka.h asks for. */
#ifndef TESTS_T_H
#define TESTS_T_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
