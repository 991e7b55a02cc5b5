#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A domain that is destroyed in the middle of its work, beside one that is not.

destroyed()
{
	for g in one two; do
		domain $g pvh $COPY:--repeat:$([ $g = one ] && echo 1000 || echo 1)
		gpu attach $g --vram 64M
	done
	for g in one two; do xl unpause $g; done
	seen "$(console one)" "GUEST start" 60
	# Well into the driver's start, or its copies.
	sleep 20
	xl destroy one
	gone one
	finish two 300
	steps_right two
	gone two
	gpu list >/tmp/list
	! grep -q "^one\|^two" /tmp/list
	told "no vGPU is left" $? "$(wc -l </tmp/list) lines"
}
