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

give_up()
{
	echo "no packages for the virtual machine: $1"
	exit 77
}

for tool in apt-get dpkg-deb python3; do
	command -v $tool >/dev/null || give_up "$tool is missing"
done
MIRROR=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
	awk '$2 !~ /-/ { print $1; exit }')}
[ -n "$MIRROR" ] || give_up "apt names no mirror"
KEY=$(dpkg -L debian-archive-keyring 2>/dev/null | grep '/debian-archive-keyring\.' | head -n 1)
[ -n "$KEY" ] || give_up "no archive keyring"

# A set-up of its own for the suites named; apt runs in it through apt_in.
setup()
{
	apt=$DIR/apt/$1
	shift
	mkdir -p "$apt/etc/apt.conf.d" "$apt/etc/preferences.d" "$apt/state/lists/partial" \
		"$apt/cache/archives/partial"
	: >"$apt/status"
	for suite in "$@"; do
		echo "deb [signed-by=$KEY] $MIRROR $suite main"
	done >"$apt/sources.list"
	cat >"$apt/conf" <<-END
		Dir::Etc "$apt/etc";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "$apt/none";
		Dir::State "$apt/state";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt/cache";
		APT::Architecture "amd64";
		APT::Sandbox::User "";
		Acquire::Languages "none";
		Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
		Acquire::Check-Valid-Until "false";
		Debug::NoLocking "true";
	END
	APT_CONFIG=$apt/conf apt-get -qq update >"$apt/log" 2>&1 || give_up "$* cannot be read from $MIRROR"
}

apt_in()
{
	name=$1
	shift
	APT_CONFIG=$DIR/apt/$name/conf "$@"
}

get_qemu()
{
	setup qemu trixie trixie-backports
	apt_in qemu apt-get -qq -y --no-install-recommends --download-only -t trixie-backports \
		install qemu-system-x86 >/dev/null 2>&1 || give_up "no QEMU in trixie-backports"
	rm -rf "$DIR/qemu"
	mkdir -p "$DIR/qemu"
	for deb in "$DIR"/apt/qemu/cache/archives/*.deb; do
		dpkg-deb -x "$deb" "$DIR/qemu"
	done
	rm -f "$DIR"/apt/qemu/cache/archives/*.deb
	# Its own loader and libraries: the machine's are older.
	cat >"$DIR/qemu.sh" <<-'END'
		#!/bin/sh
		usr=$(cd "$(dirname "$0")" && pwd)/qemu/usr
		export QEMU_MODULE_DIR=$usr/lib/x86_64-linux-gnu/qemu
		exec $usr/lib64/ld-linux-x86-64.so.2 --library-path $usr/lib/x86_64-linux-gnu \
			$usr/bin/qemu-system-x86_64 -L $usr/share/qemu -L $usr/share/seabios "$@"
	END
	chmod +x "$DIR/qemu.sh"
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

piece()
{
	[ -e "$DIR/$1.done" ] && return
	shift_name=$1
	shift
	"$@"
	: >"$DIR/$shift_name.done"
}

piece qemu get_qemu
piece busybox get_busybox
piece linux-6.1 get_kernel 6.1 bookworm
piece linux-6.12 get_kernel 6.12 trixie
for more in "$@"; do
	piece "$more" "get_$more"
done
