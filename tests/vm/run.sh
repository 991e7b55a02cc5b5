#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh DIR KERNEL SOCKET STEPS: one virtual machine (emulated, one processor) with its GPU at
# SOCKET; its console is standard input and output.  DIR is what fetch.sh filled, KERNEL 6.1 or 6.12.
# no_timer_check: a busy host makes the kernel doubt its timer and give up before anything of ours runs.
set -eu
DIR=$1 KERNEL=$2 SOCKET=$3 STEPS=$4
exec "$DIR/qemu.sh" -nodefaults -no-user-config -nographic -no-reboot -vga none -monitor none \
	-M q35,memory-backend=ram -accel tcg -cpu qemu64 -smp "${VM_CPUS:-1}" -m "${VM_RAM:-512M}" \
	-object "memory-backend-memfd,id=ram,size=${VM_RAM:-512M},share=on" \
	-device pcie-root-port,id=slot1,chassis=1,slot=1 \
	-device "{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"$SOCKET\"},\"bus\":\"slot1\"}" \
	-serial stdio -kernel "$DIR/vmlinux-$KERNEL" -initrd "${VM_INITRD:-$DIR/initramfs-$KERNEL}" \
	-append "console=ttyS0 panic=-1 loglevel=${VM_LOGLEVEL:-7} no_timer_check vm.do=$STEPS ${VM_APPEND:-}"
