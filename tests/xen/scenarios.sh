# SPDX-License-Identifier: MIT
#
# Sourced in dom0: what all scenarios share.  A scenario is a function, named in xen.py, in a file
# scenario-*.sh beside this one; it says "XEN ok NAME" or "XEN not ok NAME" once for each thing it
# shows, with what was seen after a "#".
#
# One virtual processor serves Xen, dom0 and all guests: waiting is looking at a file once a second
# from the shell itself, never a program in a loop.

CONTROL=/run/gpuvm.sock
KERNEL="console=hvc0 quiet loglevel=4 mitigations=off nokaslr nowatchdog audit=0 tsc=reliable clocksource=xen"

up() { cut -d' ' -f1 /proc/uptime; }
gpu() { op=$1; shift; gpuvm "$op" --socket $CONTROL "$@"; }

# told NAME STATUS [WORDS]: one result
told()
{
	name=$1 status=$2
	shift 2
	if [ "$status" = 0 ]; then echo "XEN ok $name # $*"; else echo "XEN not ok $name # $*"; fi
}

# seen FILE TEXT SECONDS
seen()
{
	i=0
	while [ $i -lt "$3" ]; do
		if [ -f "$1" ]; then
			while read -r line; do
				case $line in *"$2"*) return 0 ;; esac
			done <"$1"
		fi
		sleep 1
		i=$((i + 1))
	done
	return 1
}

# seen_times FILE TEXT N SECONDS: on N lines at least
seen_times()
{
	i=0
	while [ $i -lt "$4" ]; do
		n=0
		if [ -f "$1" ]; then
			while read -r line; do
				case $line in *"$2"*) n=$((n + 1)) ;; esac
			done <"$1"
		fi
		[ $n -lt "$3" ] || return 0
		sleep 1
		i=$((i + 1))
	done
	return 1
}

daemon()
{
	# The last one's "ready" is not this one's.
	rm -f /tmp/gpuvmd.log
	gpuvmd --gpu sim:vram=512M --socket $CONTROL ${AUDIT---audit} "$@" 2>/tmp/gpuvmd.log &
	daemon_pid=$!
	seen /tmp/gpuvmd.log ready 20
}

stop_daemon()
{
	gpu stop >/dev/null
	wait $daemon_pid
	told "daemon ends" $? "$(wc -l </tmp/gpuvmd.log) lines of log"
	sed 's/^/  gpuvmd: /' /tmp/gpuvmd.log
}

console() { echo "/var/log/xen/console/guest-$1.log"; }

# domain NAME TYPE STEPS: created and paused
domain()
{
	cat >/tmp/"$1".cfg <<-END
		name = "$1"
		type = "$2"
		memory = 192
		vcpus = 1
		tsc_mode = "native"
		kernel = "/guest/vmlinux"
		ramdisk = "/guest/domu.cpio"
		cmdline = "$KERNEL pci=noacpi hugepages=16 guest.do=$3"
		on_poweroff = "destroy"
		on_reboot = "${ON_REBOOT:-destroy}"
		on_crash = "destroy"
	END
	xl create -q -p /tmp/"$1".cfg
}

# A value of a guest's counters: show NAME KEY
value() { gpu show "$1" --json | tr -d ' ",' | sed -n "s/^$2://p" | head -n 1; }

# The sum of a guest's trapped accesses; of no use once the domain is gone.
traps() { gpu show "$1" --json | tr -d ' ",' | awk -F: '/^(reads|writes):/ { n += $2 } END { print n }'; }

# finish NAME SECONDS: its steps are done; each one's result is ours
finish()
{
	seen "$(console "$1")" "GUEST end" "$2"
	told "$1 reaches its end" $? "at $(up)"
	traps=$(traps "$1")
	sed "s/^/  $1: /" "$(console "$1")" /var/log/xen/xl-"$1".log
}

steps_right()
{
	! grep -q "^GUEST [1-9]" "$(console "$1")" && grep -q "^GUEST 0 " "$(console "$1")"
	told "$1's programs" $? "$(grep -c '^GUEST 0' "$(console "$1")") right"
}

audit()
{
	gpu audit >/tmp/audit 2>&1
	told "audit $1" $? "$(head -n 1 /tmp/audit)"
}

# The domain is gone from Xen's own list: no page of it is held by anybody.
gone()
{
	i=0
	while [ $i -lt 20 ]; do
		xl list | grep -q "^$1 \|(null)" || break
		sleep 1
		i=$((i + 1))
	done
	! xl list | grep -q "^$1 \|(null)"
	told "$1 leaves nothing" $? "$(xl list | tail -n +3 | tr -s ' ' | tr '\n' ';')"
}

COPY=gpuvm-copy:/tmp/data:--chunk:16K

scenario()
{
	start=$(up)
	daemon
	told "daemon" $? "ready $(up)"
	"$1"
	stop_daemon
	echo "XEN scenario $1 from $start to $(up)"
}

for f in /scenario-*.sh; do . "$f"; done
