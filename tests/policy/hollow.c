// SPDX-License-Identifier: MIT
/* A policy without its required functions: must be refused. */
#include "scheduler/sched.h"

extern const struct sched_policy sched_policy_plugin;
const struct sched_policy sched_policy_plugin = { .abi = SCHED_POLICY_ABI, .name = "hollow" };
