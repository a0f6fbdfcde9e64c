#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Makes the Debian packages, looks into them, and has consumer.c compiled and
# run with nothing but them:
#
#	sh test/consumer/packages.sh		unpacked into a folder
#	sh test/consumer/packages.sh install	installed on this machine by
#						dpkg, as root, and purged again
#
# Needs dpkg-dev and file, which cpack asks for the dependencies.  The packages
# are left in build/package.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
top=$(CDPATH='' cd -- "$here/../.." && pwd)
build=$top/build/package
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

die() {
	echo "packages.sh: $*" >&2
	exit 1
}

# As Debian compiles, hardened; the packages of an earlier run must not stay.
make_packages() {
	rm -f "$build"/*.deb
	cd "$top"
	CFLAGS="$(dpkg-buildflags --get CFLAGS) $(dpkg-buildflags --get CPPFLAGS)"
	LDFLAGS=$(dpkg-buildflags --get LDFLAGS)
	export CFLAGS LDFLAGS
	{
		cmake --preset package
		cmake --build --preset package --parallel 2
	} >"$work/log" 2>&1 || die "$(cat "$work/log")"
	unset CFLAGS LDFLAGS
}

# field PACKAGE NAME
field() {
	dpkg-deb -f "$build/$1"_*.deb "$2"
}

files() {
	dpkg-deb -c "$build/$1"_*.deb | awk '/^[-l]/ { print substr($6, 2) }'
}

# expect_files PACKAGE, and on stdin what is in it besides its papers
expect_files() {
	doc=/usr/share/doc/$1
	{
		cat
		printf '%s\n' "$doc/changelog.Debian.gz" "$doc/changelog.gz" \
			"$doc/copyright"
	} | LC_ALL=C sort >"$work/expected"
	files "$1" | LC_ALL=C sort | diff -u "$work/expected" - ||
		die "$1 holds other files (+) than expected (-)"
}

# expect PACKAGE FIELD PATTERN
expect() {
	field "$1" "$2" | grep -qxE "$3" ||
		die "$1 says $2: $(field "$1" "$2"), not $3"
}

look_into_packages() {
	libdir=/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
	version=$(sed -n 's/^project(evchat VERSION \([0-9.]*\).*/\1/p' \
		"$top/CMakeLists.txt")
	printf '%s\n' "$libdir/libevchat.so.0" "$libdir/libevchat.so.$version" |
		expect_files libevchat0
	printf '%s\n' "$libdir/libevchat_dns.so.0" \
		"$libdir/libevchat_dns.so.$version" |
		expect_files libevchat-dns0
	installed | expect_files libevchat-dev
	expect libevchat0 Section libs
	expect libevchat0 Depends \
		'libc6 \([^)]*\), libevent-core-2\.1-[^ ]* \([^)]*\)'
	own="libevchat0 \(= $version-1\)"
	expect libevchat-dns0 Depends "$own, .*libevent-extra-2\.1-.*"
	expect libevchat-dev Section libdevel
	expect libevchat-dev Depends \
		"$own, libevchat-dns0 \(= $version-1\), libevent-dev .*"
}

# What cmake installs and no program runs with.
installed() {
	DESTDIR=$work/all cmake --install "$build" >/dev/null
	(cd "$work/all" && find . ! -type d) | sed 's/^\.//' |
		grep -v '\.so\.[0-9]'
}

use_unpacked() {
	for package in "$build"/*.deb; do
		dpkg -x "$package" "$work/root"
	done
	for way in pkg-config find-package; do
		sh "$here/consumer.sh" $way gcc "$work/root/usr"
	done
}

purge() {
	dpkg --purge libevchat-dev libevchat-dns0 libevchat0
}

# Nobody is told where anything is.
use_installed() {
	! dpkg -s libevchat0 >/dev/null 2>&1 || die 'libevchat0 is installed'
	trap 'purge; rm -rf "$work"' EXIT
	dpkg -i "$build"/*.deb
	for module in evchat evchat_dns; do
		# shellcheck disable=SC2046 # a list of words
		cc -Wall -Wextra -Wpedantic -Werror "$here/consumer.c" \
			-o "$work/$module" $(pkg-config --cflags --libs $module)
		"$work/$module"
	done
	purge
	trap 'rm -rf "$work"' EXIT
	left=$(find /usr /var/lib/dpkg/info -name '*evchat*' -print)
	[ -z "$left" ] || die "left behind: $left"
}

make_packages
look_into_packages
case ${1-} in
'') use_unpacked ;;
install) use_installed ;;
*) die "usage: sh packages.sh [install]" ;;
esac
for package in libevchat0 libevchat-dns0 libevchat-dev; do
	echo "$package: $(files $package | wc -l) files"
done
