#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A guest's only process of ours: runs what guest.do= on the kernel command line names
# (PROGRAM:ARGUMENT..., separated by commas), says "GUEST <exit code> <what>" on the console for
# each, powers off.  GPU programs find the GPU as a PCI function and their memory in huge pages.
export PATH=/bin LD_LIBRARY_PATH=/lib GPUVM_NATIVE=pci:
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
while read -r m; do insmod "/mods/$m.ko" || echo "GUEST trouble: insmod $m"; done </mods/order
mount -t xenfs xenfs /proc/xen
echo "GUEST init $(cat /sys/hypervisor/guest_type 2>/dev/null)"
dd if=/dev/urandom of=/tmp/data bs=4096 count=16 2>/dev/null
for word in $(cat /proc/cmdline); do
	case $word in
	guest.do=*) todo=$(echo "${word#guest.do=}" | tr ',' ' ') ;;
	esac
done
for t in $todo; do
	# Until the domain is destroyed.
	[ "$t" != hold ] || while :; do sleep 3600; done
	command=$(echo "$t" | tr ':' ' ')
	echo "GUEST start $t $(cut -d' ' -f1 /proc/uptime)"
	$command
	echo "GUEST $? $t"
done
echo "GUEST end $(cut -d' ' -f1 /proc/uptime)"
poweroff -f
