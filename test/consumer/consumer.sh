#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Does evchat serve somebody who has nothing but what is installed, or sources?
#
#	sh test/consumer/consumer.sh WAY COMPILER FOLDER
#
# WAY is pkg-config, find-package, add-subdirectory or fetch-content, COMPILER
# gcc or clang, FOLDER where evchat has been built, or a prefix where it is
# installed.  Each way makes consumer.c as C11, C17 and C++17, for shared and
# for static libraries, with evchat_dns and without, and runs it.  Ends with 77
# without the compiler.
set -eu

way=$1
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
top=$(CDPATH='' cd -- "$here/../.." && pwd)
folder=$(CDPATH='' cd -- "$3" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

die() {
	echo "consumer.sh: $*" >&2
	exit 1
}

choose_compiler() {
	CC=$1
	case $1 in
	*clang*) CXX=$(echo "$1" | sed 's/clang/clang++/') ;;
	*) CXX=$(echo "$1" | sed 's/gcc/g++/') ;;
	esac
	for compiler in "$CC" "$CXX"; do
		if ! command -v "$compiler" >/dev/null; then
			echo "skipped: there is no $compiler"
			exit 77
		fi
	done
	export CC CXX
}

# Quiet, unless it fails.
quietly() {
	"$@" >"$work/log" 2>&1 && return
	cat "$work/log" >&2
	die "failed: $*"
}

# Into a folder that stands for the root, as packagers do, then moved elsewhere,
# as users do.
install_moved() {
	quietly env DESTDIR="$work/root" cmake --install "$folder" \
		--prefix /opt/evchat
	prefix=$work/moved
	mv "$work/root/opt/evchat" "$prefix"
	astray=$(find "$work/root" ! -type d)
	[ -z "$astray" ] || die "not below the prefix: $astray"
	tied=$(grep -rIlF -e "$top" -e "$folder" -e /opt/evchat "$prefix") || :
	[ -z "$tied" ] || die "cannot be moved: $tied"
}

# $prefix, and where the libraries are in it
find_installed() {
	prefix=$folder
	if [ -f "$folder/CMakeCache.txt" ]; then
		install_moved
	fi
	static=$(find "$prefix/" -name libevchat.a)
	libdir=${static%/*}
	[ "$libdir" != "$static" ] || die "there is no libevchat.a in $prefix"
}

version() {
	sed -n 's/^project(evchat VERSION \([0-9.]*\).*/\1/p' \
		"$top/CMakeLists.txt"
}

needed() {
	objdump -p "$1" | awk '$1 == "NEEDED" { print $2 }'
}

# The programs that were run by each of the ways.
ran=0
# run PROGRAM shared|static
run() {
	if [ "$2" = shared ]; then
		needed "$1" | grep -qx 'libevchat\.so\.[0-9]*' ||
			die "$1 does not need libevchat"
		quietly env "LD_LIBRARY_PATH=${libdir-}" "$1"
	else
		! needed "$1" | grep libevchat || die "$1 is not static"
		quietly "$1"
	fi
	ran=$((ran + 1))
}

# with_pkg_config STANDARD shared|static MODULE [OPTION]
with_pkg_config() {
	language=c
	case $1 in
	c++*) language=c++ ;;
	esac
	compiler=$CC
	[ "$language" = c ] || compiler=$CXX
	options="-x $language -std=$1 -Wall -Wextra -Wpedantic -Werror ${4-}"
	pkg_config=pkg-config
	if [ "$2" = static ]; then
		options="$options -static"
		pkg_config='pkg-config --static'
	fi
	program=$work/consumer-$1-$2-$3
	# shellcheck disable=SC2046,SC2086 # lists of words
	quietly "$compiler" $options $($pkg_config --cflags "$3") \
		"$here/consumer.c" -x none -o "$program" \
		$($pkg_config --libs "$3")
	run "$program" "$2"
}

try_pkg_config() {
	find_installed
	export PKG_CONFIG_PATH="$libdir/pkgconfig"
	for module in evchat evchat_dns; do
		quietly pkg-config --validate "$module"
		[ "$(pkg-config --modversion "$module")" = "$(version)" ] ||
			die "$module has another version"
	done
	for standard in c11 c17 c++17; do
		for kind in shared static; do
			with_pkg_config $standard $kind evchat
			with_pkg_config $standard $kind evchat_dns -DCONSUMER_DNS
		done
	done
}

# configure SOURCE [CMAKE ARGUMENT...]
configure() {
	source=$1
	shift
	if command -v ninja >/dev/null; then
		set -- -G Ninja "$@"
	fi
	quietly cmake -S "$source" -B "$work/made" "$@"
}

# What programs.cmake made of consumer.c.
run_made() {
	quietly cmake --build "$work/made" --parallel 2
	for program in "$work"/made/consumer_* "$work"/made/bin/consumer_*; do
		[ -x "$program" ] || continue
		case $program in
		*_static) run "$program" static ;;
		*) run "$program" shared ;;
		esac
	done
	# As many tests as programs: no others, none of evchat's.
	ctest --test-dir "$work/made" >"$work/log" || die "$(cat "$work/log")"
	grep -q "^100% tests passed, 0 tests failed out of $ran\$" "$work/log" ||
		die "other tests than expected: $(cat "$work/log")"
}

try_find_package() {
	find_installed
	set -- "$here" "-DCMAKE_PREFIX_PATH=$prefix" "-Dversion=$(version)"
	(
		export PKG_CONFIG_LIBDIR="$work"
		configure "$@" -Dwithout_libevent=ON
	)
	rm -r "$work/made"
	configure "$@"
	run_made
}

# try_sources [CMAKE ARGUMENT...]
try_sources() {
	configure "$here/parent" "-Devchat=$top" "$@"
	run_made
	quietly cmake --install "$work/made" --prefix "$work/installed"
	others=$(find "$work/installed" ! -type d ! -name 'libplugin.*')
	[ -z "$others" ] || die "installed with the parent: $others"
}

choose_compiler "$2"
case $way in
pkg-config) try_pkg_config ;;
find-package) try_find_package ;;
add-subdirectory) try_sources ;;
fetch-content) try_sources -Dfetch=ON ;;
*) die "no such way: $way" ;;
esac
echo "$way, $CC: $ran programs"
[ "$ran" = 12 ] || die 'there should have been 12'
