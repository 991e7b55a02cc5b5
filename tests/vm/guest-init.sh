#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The guest's only process of ours: does what vm.do= on the kernel command line names, step by
# step, says "VM <step> <result>" on the console for each, powers off.  Colons in a step stand for
# spaces.  Lines of the kernel log that are warnings or worse follow at the end.
#
#   load[:OPTION]    modprobe nouveau       unload           rmmod
#   reload:N         both, N times
#   irq              which interrupt, and how many           run:PROGRAM[:ARG]
#   wait             until the host sends a line             shell
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
	# shellcheck disable=SC2086
	modprobe nouveau $options || { say load failed; return 1; }
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

# The count and the controller's name stand in columns 2 and 3.
interrupts()
{
	# shellcheck disable=SC2046
	set -- $(grep -e nvkm -e nouveau /proc/interrupts)
	say irq "$2" "$3"
}

step()
{
	what=$1
	shift
	case $what in
	load) options=$* && load ;;
	unload) unload ;;
	reload) again "$1" ;;
	irq) interrupts ;;
	shell) setsid cttyhack sh ;;
	wait)
		say wait
		read -r _
		;;
	run)
		"$@"
		say run "$?" "$*"
		;;
	esac
}

# shellcheck disable=SC1091
[ ! -e /etc/environment ] || . /etc/environment
read -r release </proc/sys/kernel/osrelease
say kernel "$release"
options=
todo=
for word in $(cat /proc/cmdline); do
	case $word in
	vm.do=*) todo=${word#vm.do=} ;;
	esac
done
for s in $(echo "$todo" | tr , ' '); do
	# shellcheck disable=SC2046
	step $(echo "$s" | tr : ' ')
done
say log
dmesg -r | grep -e '^<[0-4]>'
say end
poweroff -f
