#!/bin/sh
# SPDX-License-Identifier: MIT
#
# dom0's only process of ours: the daemons that xl needs, then the scenarios that xen.do= on the
# kernel command line names, then power off.  Lines that start with "XEN " are for the test.
export PATH=/bin:/xen-bin LD_LIBRARY_PATH=/lib
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts pts /dev/pts
mount -t tmpfs run /run
mkdir -p /run/xen /run/xenstored /run/lock
while read -r m; do insmod "/mods/$m.ko" || echo "XEN trouble: insmod $m"; done </mods/order
mount -t xenfs xenfs /proc/xen
xenstored --pid-file /run/xen/xenstored.pid
xen-init-dom0 || echo "XEN trouble: xen-init-dom0"
xenconsoled --pid-file=/run/xen/xenconsoled.pid --log=guest --log-dir=/var/log/xen/console
echo 'autoballoon="off"' >/etc/xen/xl.conf
echo "XEN dom0 ready $(cut -d' ' -f1 /proc/uptime)"
. /scenarios.sh
for word in $(cat /proc/cmdline); do
	case $word in
	xen.do=*) todo=$(echo "${word#xen.do=}" | tr ',' ' ') ;;
	esac
done
for s in $todo; do scenario "$s"; done
sync
echo "XEN end"
poweroff -f
