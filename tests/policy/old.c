// SPDX-License-Identifier: MIT
/* A policy built for another version of the table: must be refused unread. */
#include "scheduler/sched.h"

extern const struct sched_policy sched_policy_plugin;
const struct sched_policy sched_policy_plugin = { .abi = SCHED_POLICY_ABI + 1, .name = "old" };
