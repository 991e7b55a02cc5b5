# SPDX-License-Identifier: MIT
#
# Sourced by what fetches Debian packages for tests, with DIR (absolute) and HERE (tests/vm) set:
# apt set-ups of their own below DIR.  What uses it must be able to end with exit code 77 and one
# line on standard output that says why the packages cannot be had.

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

# What was downloaded in set-up $1 becomes DIR/$1, and DIR/$1.sh starts the QEMU in it with the
# loader and libraries it came with: the machine's may be older or newer.
unpack_qemu()
{
	rm -rf "${DIR:?}/$1"
	mkdir -p "$DIR/$1"
	for deb in "$DIR/apt/$1"/cache/archives/*.deb; do
		dpkg-deb -x "$deb" "$DIR/$1"
	done
	rm -f "$DIR/apt/$1"/cache/archives/*.deb
	cat >"$DIR/$1.sh" <<-END
		#!/bin/sh
		root=\$(cd "\$(dirname "\$0")" && pwd)/$1
		loader=\$root/usr/lib64/ld-linux-x86-64.so.2
		[ -e \$loader ] || loader=\$root/lib64/ld-linux-x86-64.so.2
		usr=\$root/usr
		export QEMU_MODULE_DIR=\$usr/lib/x86_64-linux-gnu/qemu
		exec \$loader --library-path \$usr/lib/x86_64-linux-gnu:\$root/lib/x86_64-linux-gnu \
			\$usr/bin/qemu-system-x86_64 -L \$usr/share/qemu -L \$usr/share/seabios "\$@"
	END
	chmod +x "$DIR/$1.sh"
}

piece()
{
	[ -e "$DIR/$1.done" ] && return
	shift_name=$1
	shift
	"$@"
	: >"$DIR/$shift_name.done"
}
