#!/bin/sh
# SPDX-License-Identifier: MIT
#
# One PVH guest whose program drives its vGPU by itself; what attach refuses.

full()
{
	domain one pvh $COPY,hold
	gpu attach one --vram 64M
	told "attach" $?
	gpu attach one --name again 2>/tmp/twice
	[ $? = 1 ]
	told "attach twice is refused" $? "$(cat /tmp/twice)"
	gpu attach nobody 2>/tmp/nobody
	[ $? = 1 ]
	told "attach of no domain is refused" $? "$(cat /tmp/nobody)"
	xl unpause one
	seen "$(console one)" "GUEST 0 $COPY" 200
	told "copies" $? "$(traps one) traps, at $(up)"
	audit "with a guest"
	xl destroy one
	gone one
}
