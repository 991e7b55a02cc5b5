#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes sure that the Debian packages a target needs are there: installs them
# as root or through sudo, else stops with the command to type.
#   tests/setup.sh build|test
set -eu

build="gcc make pkg-config libc6-dev libzydis-dev libjansson-dev libcmocka-dev python3"
# The nouveau interface's headers, and what the virtual machine's guest programs are linked with (libc6-dev, too).
build="$build libdrm-dev libpciaccess-dev"
# Guests of Xen; without it the port is left out.
build="$build libxen-dev"
# The OpenCL workloads, the OpenCL they run on in a guest, and the one their speed is compared with.
build="$build ocl-icd-opencl-dev opencl-c-headers mesa-opencl-icd pocl-opencl-icd"
test="$build clang libclang-rt-dev git mesa-opencl-icd ocl-icd-libopencl1 clinfo clpeak"
# OpenGL's compute shaders, on the virtual GPU and on llvmpipe.
test="$test libegl-dev libgl-dev libegl1 libegl-mesa0 libgl1-mesa-dri"
# Debian 13 in a chroot, for its Mesa.
test="$test debootstrap"
case "${1:-}" in
build) want=$build ;;
test) want=$test ;;
*)
	echo "usage: tests/setup.sh build|test" >&2
	exit 2
	;;
esac

missing=
for p in $want; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done

as_root=
if [ "$(id -u)" != 0 ]; then
	if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		as_root=sudo
	else
		as_root=none
	fi
fi

install_packages() {
	if [ "$as_root" = none ]; then
		echo "Missing Debian packages. Type:" >&2
		echo "  sudo apt-get install$1" >&2
		exit 2
	fi
	echo "installing:$1"
	# A list may be stale or absent on a fresh machine: refresh it once, only if needed.
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -q --no-install-recommends $1 >/dev/null 2>&1 || {
		$as_root apt-get update -q >/dev/null
		# shellcheck disable=SC2086
		DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -q --no-install-recommends $1 >/dev/null
	}
}

[ -z "$missing" ] || install_packages "$missing"
