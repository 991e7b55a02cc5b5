#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Two PVH guests at once, each one's program driving its own vGPU.

two()
{
	for g in one two; do
		domain $g pvh $COPY
		gpu attach $g --vram 64M
	done
	for g in one two; do xl unpause $g; done
	seen "$(console two)" "GUEST start" 60
	audit "with two guests"
	for g in one two; do
		finish $g 300
		steps_right $g
		gone $g
	done
}
