#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A domain that gets its GPU because a file names it: in time for its first look at the PCI bus,
# paused until then and, after a reboot, not; and from a daemon that starts later than it.

FIND='cat:/sys/bus/pci/devices/*10.0/vendor'
DOMAINS=/tmp/domains.d

domid_in_list() { gpu list | sed -n "s/^$1 (\([0-9]*\)).*/\1/p"; }

auto()
{
	stop_daemon
	mkdir -p $DOMAINS
	printf 'vram = 64M\nweight = 512\noptions = lazy\n' >$DOMAINS/auto.conf
	daemon --domains $DOMAINS
	ON_REBOOT=restart domain auto pvh "$FIND,hold"
	gpu wait auto --timeout 20s
	told "a configured domain gets its GPU" $? "$(gpu list | grep '^auto (')"
	[ "$(value auto weight)/$(value auto options)" = 512/lazy ]
	told "what its file says" $? "$(value auto weight)/$(value auto options)"
	first=$(domid_in_list auto)
	xl unpause auto
	seen_times "$(console auto)" "0x10de" 1 60
	told "its first look finds the GPU" $? "at $(up)"

	xl reboot auto
	seen_times "$(console auto)" "0x10de" 2 90
	told "so does that after a reboot" $? "at $(up)"
	second=$(domid_in_list auto)
	[ -n "$second" ] && [ "$second" != "$first" ]
	told "which is another domain" $? "$first, then $second"
	audit "after a reboot"

	stop_daemon
	daemon --domains $DOMAINS
	gpu wait auto --timeout 20s
	told "a daemon started later finds it" $? "$(gpu list | grep '^auto (')"
	gpu detach auto
	echo 'weight = 600' >>$DOMAINS/auto.conf
	gpu reload >/tmp/reload 2>&1
	[ $? = 1 ] && grep -q 'auto.conf:4: weight stands here a second time' /tmp/reload
	told "a wrong line is named" $? "$(cat /tmp/reload)"
	[ -z "$(domid_in_list auto)" ]
	told "what was detached stays so" $?
	xl destroy auto
	gone auto

	# By hand first, configured later.
	rm $DOMAINS/*
	domain hand pvh hold
	gpu attach hand --vram 64M
	echo 'vram = 64M' >$DOMAINS/hand.conf
	gpu reload >/dev/null && grep -q 'hand) has its GPU' /tmp/gpuvmd.log && ! grep -q exists /tmp/gpuvmd.log
	told "what was attached by hand counts" $? "$(tail -n 1 /tmp/gpuvmd.log)"
	xl destroy hand
	gone hand
}
