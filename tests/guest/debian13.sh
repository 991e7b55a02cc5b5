#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes a Debian 13 in the folder $1, with Mesa's OpenCL, for the tests that run programs on it.
# A folder that is there already is complete: it gets its name last.
set -eu
root=$1
[ ! -e "$root" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "making a chroot wants root" >&2
	exit 1
fi
if ! command -v debootstrap >/dev/null; then
	echo "debootstrap is not installed" >&2
	exit 1
fi
mkdir -p "$(dirname "$root")"
part=$root.part.$$
trap 'rm -rf "$part"' EXIT
debootstrap --variant=minbase --include=mesa-opencl-icd,ocl-icd-libopencl1,clinfo,clpeak,python3 \
	trixie "$part" ${GPUVM_DEBIAN_MIRROR:+"$GPUVM_DEBIAN_MIRROR"} >"$root.log" 2>&1 || {
	tail -1 "$root.log" >&2
	exit 1
}
rm -rf "$part"/var/cache/apt/archives/*.deb
# Another one may have been faster.
mv -T "$part" "$root" 2>/dev/null || [ -e "$root" ]
