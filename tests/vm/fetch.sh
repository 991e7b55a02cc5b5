#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fetch.sh DIR [mesa]: what the virtual machine tests need, from the mirror this machine's apt already
# uses, below DIR: a QEMU that speaks vfio-user (trixie-backports), Debian's stock kernels 6.1
# (bookworm) and 6.12 (trixie), a static busybox; with "mesa" also Debian 12's OpenCL.
#
# Always true: apt's own state, the package database and everything outside DIR stay as they are
# (each suite gets a private set-up with its own lists and an empty status file); a piece that is
# complete has a stamp and is not fetched again; exit code 77 and one line on standard output mean
# that the packages cannot be had here.
set -eu
DIR=${1:?usage: fetch.sh DIR [mesa]}
shift
HERE=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$DIR"
DIR=$(cd "$DIR" && pwd)
PATH=$PATH:/usr/sbin:/sbin

# One at a time: tests may run beside each other.
exec 9>"$DIR/lock"
flock 9

. "$HERE/packages.sh"

get_qemu()
{
	setup qemu trixie trixie-backports
	apt_in qemu apt-get -qq -y --no-install-recommends --download-only -t trixie-backports \
		install qemu-system-x86 >/dev/null 2>&1 || give_up "no QEMU in trixie-backports"
	unpack_qemu qemu
	"$DIR/qemu.sh" -device vfio-user-pci,help >/dev/null 2>&1 || give_up "that QEMU has no vfio-user client"
}

get_busybox()
{
	setup bookworm bookworm
	(cd "$DIR" && apt_in bookworm apt-get -qq download busybox-static) >/dev/null 2>&1 ||
		give_up "no busybox-static"
	dpkg-deb -x "$DIR"/busybox-static_*.deb "$DIR/busybox"
	rm -f "$DIR"/busybox-static_*.deb
}

# $1: 6.1 or 6.12, $2: the suite whose linux-image-amd64 that is
get_kernel()
{
	setup "$2" "$2"
	image=$(apt_in "$2" apt-cache depends linux-image-amd64 |
		awk '/Depends: linux-image-/ { print $2; exit }')
	case $image in
	linux-image-$1.*) ;;
	*) give_up "$2 has $image, not $1" ;;
	esac
	rm -rf "$DIR/linux-$1" "$DIR"/linux-image-$1.*.deb
	(cd "$DIR" && apt_in "$2" apt-get -qq download "$image") >/dev/null 2>&1 || give_up "no $image"
	dpkg-deb -x "$DIR"/"$image"_*.deb "$DIR/linux-$1"
	rm -f "$DIR"/linux-image-$1.*.deb
	# Unpacking an xz kernel costs an emulated processor more than booting it.
	python3 "$HERE/vmlinux.py" "$DIR/linux-$1"/boot/vmlinuz-* "$DIR/vmlinux-$1"
}

# Debian 12's Mesa with all it needs, libc included, unpacked below $DIR/mesa.
get_mesa()
{
	setup bookworm bookworm
	apt_in bookworm apt-get -qq -y --no-install-recommends --download-only \
		install mesa-opencl-icd ocl-icd-libopencl1 >/dev/null 2>&1 || give_up "no mesa-opencl-icd"
	rm -rf "$DIR/mesa"
	mkdir -p "$DIR/mesa"
	for deb in "$DIR"/apt/bookworm/cache/archives/*.deb; do
		dpkg-deb -x "$deb" "$DIR/mesa"
	done
	rm -f "$DIR"/apt/bookworm/cache/archives/*.deb
}

piece qemu get_qemu
piece busybox get_busybox
piece linux-6.1 get_kernel 6.1 bookworm
piece linux-6.12 get_kernel 6.12 trixie
for more in "$@"; do
	piece "$more" "get_$more"
done
