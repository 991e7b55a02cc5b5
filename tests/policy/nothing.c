// SPDX-License-Identifier: MIT
/* A shared object that exports no policy: must be refused. */
extern const int not_a_policy;
const int not_a_policy = 1;
