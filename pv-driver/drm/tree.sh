#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the files that stand for the GPU in /dev/dri and /sys, below the folder $1: what libdrm and
# Mesa read to learn which driver and which PCI device a render node belongs to.
set -eu
root=$1
pci=4750:01:00.0
dev=sys/devices/pci4750:00/$pci
mkdir -p "$root/dev/dri" "$root/sys/dev/char" "$root/sys/class/drm" "$root/sys/bus/pci/devices" \
	"$root/sys/bus/pci/drivers/nouveau" "$root/$dev/drm/renderD128"
: >"$root/dev/dri/renderD128"
cd "$root"
ln -sfn "../../devices/pci4750:00/$pci/drm/renderD128" sys/dev/char/226:128
ln -sfn "../../devices/pci4750:00/$pci/drm/renderD128" sys/class/drm/renderD128
ln -sfn "../../../devices/pci4750:00/$pci" sys/bus/pci/devices/$pci
ln -sfn "../../../$pci" $dev/drm/renderD128/device
ln -sfn ../../../../../class/drm $dev/drm/renderD128/subsystem
ln -sfn ../../../bus/pci $dev/subsystem
ln -sfn ../../../bus/pci/drivers/nouveau $dev/driver
cd $dev
echo 0x10de >vendor
echo 0x06d8 >device
echo 0x10de >subsystem_vendor
echo 0x0000 >subsystem_device
echo 0xa3 >revision
echo 0x030000 >class
printf 'DRIVER=nouveau\nPCI_CLASS=30000\nPCI_ID=10DE:06D8\nPCI_SUBSYS_ID=10DE:0000\nPCI_SLOT_NAME=%s\n' $pci >uevent
# 64 bytes of configuration space: identity, command, class, no BARs.
{
	printf '\336\020\330\006\006\004\020\000\243\000\000\003\000\000\000\000'
	head -c 28 /dev/zero
	printf '\336\020\000\000'
	head -c 16 /dev/zero
} >config
echo 226:128 >drm/renderD128/dev
printf 'MAJOR=226\nMINOR=128\nDEVNAME=dri/renderD128\nDEVTYPE=drm_minor\n' >drm/renderD128/uevent
