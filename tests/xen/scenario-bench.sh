#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Not a test: figures for bench.py, as lines "XEN bench RUN NAME VALUE UNIT".  RUN is floor, process (a
# process guest in dom0), or a mode of a domain.

BENCH=gpuvm-xen-bench
SPARE=0xe0000000

# The figures that a guest has printed.
figures()
{
	sed -n "s/\r//; s/^BENCH /XEN bench $1 /p" "$2"
}

# Seconds of a whole program, from start to end.
lap()
{
	start=$(up)
	"$@" >/tmp/lap 2>&1
	code=$?
	echo "XEN bench process copy $(echo "$start $(up)" | awk '{ print $2 - $1 }') s"
	return $code
}

# bench_mode NAME OPTIONS: a domain of its own for each, so that nothing is left of the last
bench_mode()
{
	domain "$1" pvh "$BENCH:trap,$BENCH:doorbell,$BENCH:tracked,$BENCH:ptes,time:$COPY,time:$COPY"
	gpu attach "$1" --vram 64M --options "$2"
	xl unpause "$1"
	run_and_report "$1"
}

run_and_report()
{
	seen "$(console "$1")" "GUEST end" 300
	told "$1 reaches its end" $? "at $(up)"
	figures "$1" "$(console "$1")"
	# Of the two copies the second: the program's pages are there.
	awk -v m="$1" '/^real/ { s = $2 * 60 + $3 } END { print "XEN bench " m " copy " s " s" }' "$(console "$1")"
	sed "s/^/  $1: /" "$(console "$1")"
	gone "$1"
}

# bench_pv NAME: the same by the PV transport
bench_pv()
{
	as="gpuvm-guest:run:--mode:$1:--ram:16M:--"
	domain "$1" pvh "$as:$BENCH:call,$as:$BENCH:ptes,time:$as:$COPY,time:$as:$COPY"
	if ! gpu attach "$1" --mode "$1" --vram 64M 2>/tmp/refused; then
		echo "XEN bench-left-out $1: $(cat /tmp/refused)"
		xl destroy "$1"
		return
	fi
	xl unpause "$1"
	run_and_report "$1"
}

bench_floors()
{
	domain floor pvh "$BENCH:mmio:$SPARE,$BENCH:events"
	id=$(xl domid floor)
	gpuvm-xen-echo mmio "$id" $SPARE >/tmp/echo-mmio 2>&1 &
	mmio=$!
	seen /tmp/echo-mmio ready 10
	xl unpause floor
	seen "$(console floor)" "PORT " 60
	port=$(sed -n 's/\r//; s/^PORT //p' "$(console floor)")
	gpuvm-xen-echo events "$id" "$port" >/tmp/echo-events 2>&1 &
	events=$!
	seen "$(console floor)" "GUEST end" 60
	told "floor reaches its end" $? "$(cat /tmp/echo-mmio /tmp/echo-events | tr '\n' ' ')"
	figures floor "$(console floor)"
	sed "s/^/  floor: /" "$(console floor)"
	kill $mmio $events
	gone floor
}

bench()
{
	# Without the audit of each flush.
	stop_daemon
	AUDIT='' daemon
	bench_floors
	dd if=/dev/urandom of=/tmp/data bs=4096 count=16 2>/dev/null
	run="gpuvm run --socket $CONTROL --vram 64M --mode full"
	$run -- gpuvm-copy /tmp/data --chunk 16K >/dev/null 2>&1 && lap $run -- gpuvm-copy /tmp/data --chunk 16K
	told "process guest" $? "$(tail -n 1 /tmp/lap)"
	bench_mode full none
	bench_mode full-best best
	bench_pv naive-pv
	bench_pv hp-pv
	audit "after the bench"
}
