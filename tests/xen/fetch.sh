#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fetch.sh DIR: what the Xen tests need, below DIR (the folder that tests/vm/fetch.sh fills, whose
# 6.1 kernel and busybox serve here too): the hypervisor, its toolstack and the libraries of both, of
# this machine's own Debian release, unpacked in DIR/xen; and QEMU 7.2 (bookworm), for domains do
# not get past their first instructions in the emulated processor of QEMU 10.
#
# Exit code 77 and one line on standard output: the packages cannot be had here.
set -eu
DIR=${1:?usage: fetch.sh DIR}
HERE=$(cd "$(dirname "$0")/../vm" && pwd)
sh "$HERE/fetch.sh" "$DIR"
DIR=$(cd "$DIR" && pwd)
PATH=$PATH:/usr/sbin:/sbin
. "$HERE/packages.sh"

# Names carry Xen's version; the metapackage knows which one the release has.
get_xen()
{
	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	setup xen "$suite"
	version=$(apt_in xen apt-cache depends xen-system-amd64 |
		sed -n 's/.*Depends: xen-hypervisor-\([0-9.]*\)-amd64.*/\1/p' | head -n 1)
	[ -n "$version" ] || give_up "$suite has no Xen"
	# Only what the toolstack links to; no daemon, boot loader hook or device manager comes along.
	libraries=$(apt_in xen apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \
		--no-breaks --no-replaces --no-enhances "xen-utils-$version" |
		grep -E '^(libxen|libyajl|libfdt)' | sort -u)
	rm -rf "$DIR/xen" "$DIR/xen-debs"
	mkdir -p "$DIR/xen" "$DIR/xen-debs"
	# shellcheck disable=SC2086
	(cd "$DIR/xen-debs" && apt_in xen apt-get -qq download "xen-hypervisor-$version-amd64" \
		"xen-utils-$version" xenstore-utils $libraries) >/dev/null 2>&1 || give_up "no Xen $version"
	for deb in "$DIR"/xen-debs/*.deb; do
		dpkg-deb -x "$deb" "$DIR/xen"
	done
	rm -rf "$DIR/xen-debs"
	# QEMU's multiboot loader takes no compressed image.
	gunzip -c "$DIR"/xen/boot/xen-"$version"*.gz >"$DIR/xen.elf"
	echo "$version" >"$DIR/xen.version"
}

get_old_qemu()
{
	setup qemu-7.2 bookworm
	apt_in qemu-7.2 apt-get -qq -y --no-install-recommends --download-only install qemu-system-x86 \
		>/dev/null 2>&1 || give_up "no QEMU in bookworm"
	unpack_qemu qemu-7.2
}

piece xen get_xen
piece qemu-7.2 get_old_qemu
