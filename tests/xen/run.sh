#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh VMDIR IMAGES SCENARIOS: boots Xen and dom0 in QEMU on one emulated processor; the console
# goes to standard output.
#
# TCG is no Xen host's processor: SMAP is off because a return to user mode from dom0 trips over
# it, MONITOR because it refuses MWAIT as Xen uses it, RDTSCP because its exit looks like RDTSC's.
# FPU state is switched eagerly and there is no AVX: with Xen's lazy switching (what spec-ctrl=no
# chooses), programs of several busy domains were seen to lose vector registers to each other: "echo"
# read as "eco" by a shell, copies that differed, heaps damaged in dom0.
set -eu
VM=$1 IMAGES=$2 SCENARIOS=$3
exec "$VM/qemu-7.2.sh" -machine pc -accel tcg,thread=single,tb-size=512 -cpu EPYC,+svm,+npt,-smap,-monitor,-rdtscp,-avx,-avx2,-fma,-f16c \
	-smp 1 -m "${XEN_RAM:-2048}" -nodefaults -no-user-config -display none -vga none -no-reboot -monitor none \
	-kernel "$VM/xen.elf" \
	-append "console=com1 com1=115200,8n1 dom0_mem=1100M,max:1100M dom0_max_vcpus=1 dom0_vcpus_pin loglvl=info guest_loglvl=warning cpuidle=no spec-ctrl=no,eager-fpu=true xpti=no watchdog=0" \
	-initrd "$VM/vmlinux-6.1 console=hvc0 quiet loglevel=4 mitigations=off nokaslr audit=0 selinux=0 apparmor=0 nowatchdog xen.do=$(echo "$SCENARIOS" | sed 's/,/,,/g'),$IMAGES/dom0.cpio" \
	-serial stdio </dev/null
