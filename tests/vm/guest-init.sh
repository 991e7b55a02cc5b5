#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The guest's only process of ours: does what vm.do= on the kernel command line names, says
# "VM <step> <result>" on the console for each, powers off.  Lines of the kernel log that are
# warnings or worse follow each load of the driver, between marks.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp

say() { echo "VM $*"; }
now() { cut -d' ' -f1 /proc/uptime; }

load()
{
	start=$(now)
	modprobe nouveau || { say load failed; return 1; }
	[ -c /dev/dri/renderD128 ] || { say load no render node; return 1; }
	say load ok "$start" "$(now)"
}

unload()
{
	rmmod nouveau || { say unload failed; return 1; }
	[ ! -e /dev/dri/renderD128 ] || { say unload node stays; return 1; }
}

again()
{
	i=0
	while [ $i -lt "$1" ]; do
		unload && load >/dev/null || { say reload failed at $i; return 1; }
		i=$((i + 1))
	done
	say reload ok "$1"
}

step()
{
	case $1 in
	load) load ;;
	reload*) again "${1#reload}" ;;
	irq) say irq "$(grep -e nvkm -e nouveau /proc/interrupts | tr -s ' ' | cut -d' ' -f3)" ;;
	shell) setsid cttyhack sh ;;
	run:*)
		# run:PROGRAM:ARG
		command=$(echo "${1#run:}" | tr : ' ')
		$command
		say run "$?" "$command"
		;;
	esac
}

cat /proc/sys/kernel/osrelease | while read -r r; do say kernel "$r"; done
for word in $(cat /proc/cmdline); do
	case $word in
	vm.do=*) todo=${word#vm.do=} ;;
	esac
done
old=$IFS
IFS=,
set -- $todo
IFS=$old
for s in "$@"; do step "$s"; done
say log
dmesg -r | grep -e '^<[0-4]>'
say end
poweroff -f
