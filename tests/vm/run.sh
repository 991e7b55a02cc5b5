#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh DIR KERNEL SOCKET STEPS: one virtual machine (emulated, one processor) with its GPU at
# SOCKET; its console goes to standard output.  DIR is what fetch.sh filled, KERNEL 6.1 or 6.12.
set -eu
DIR=$1 KERNEL=$2 SOCKET=$3 STEPS=$4
exec "$DIR/qemu.sh" -nodefaults -no-user-config -nographic -no-reboot -vga none -monitor none \
	-M q35,memory-backend=ram -accel tcg -cpu qemu64 -smp 1 -m "${VM_RAM:-512M}" \
	-object "memory-backend-memfd,id=ram,size=${VM_RAM:-512M},share=on" \
	-device pcie-root-port,id=slot1,chassis=1,slot=1 \
	-device "{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"$SOCKET\"},\"bus\":\"slot1\"}" \
	-serial stdio -kernel "$DIR/vmlinux-$KERNEL" -initrd "$DIR/initramfs-$KERNEL" \
	-append "console=ttyS0 panic=-1 loglevel=${VM_LOGLEVEL:-7} vm.do=$STEPS ${VM_APPEND:-}" </dev/null
