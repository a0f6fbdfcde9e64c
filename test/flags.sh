#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Does evchat compile without a warning, however it is optimised?
#
#	sh test/flags.sh
#
# Library and samples with each compiler there is, at each level, with asserts
# and without (each level sees other things); what is made at link time by LTO,
# with some tests that run; and what the debug preset makes with gcc, tests and
# bench included.  Everything in build/flags, which a second run takes up again.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=$top/build/flags
# A pure room, the rooms with a loop, and the samples, on the shared library.
linked='test_framer test_channel test_connector test_echo test_http_server'

generator=
if command -v ninja >/dev/null; then
	generator=-GNinja
fi

# configure NAME COMPILER FLAGS [CMAKE ARGUMENT...]
configure() {
	name=$1 compiler=$2 flags=$3
	shift 3
	CC=$compiler cmake -S "$top" -B "$build/$name" -DEVCHAT_WERROR=ON \
		-DCMAKE_BUILD_TYPE=None "-DCMAKE_C_FLAGS=$flags" \
		${generator:+"$generator"} "$@" >/dev/null
}

# made NAME [TARGET...]: quiet unless it fails
made() {
	name=$1
	shift
	[ $# = 0 ] || set -- --target "$@"
	if ! cmake --build "$build/$name" --parallel 2 "$@" >"$build/log" 2>&1; then
		cat "$build/log" >&2
		echo "flags.sh: FAILED: $name" >&2
		exit 1
	fi
	# What the linker says of LTO is a warning even with -Werror.
	if grep -i 'warning:' "$build/log"; then
		echo "flags.sh: a warning in $name" >&2
		exit 1
	fi
	echo "$name: no warning"
}

# levels COMPILER
levels() {
	for level in -O0 -O1 -O2 '-O3 -DNDEBUG' '-Os -DNDEBUG'; do
		configure "$1${level%% *}" "$1" "$level" -DEVCHAT_BUILD_TESTS=OFF
		made "$1${level%% *}"
	done
}

# at_link_time COMPILER
at_link_time() {
	configure "$1-lto" "$1" '-O2 -DNDEBUG' \
		-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON
	# shellcheck disable=SC2086 # a list of words
	made "$1-lto" evchat evchat_dns $linked
	if ! EVCHAT_TEST_SCALE=4 ctest --test-dir "$build/$1-lto" -j 2 \
		-R "^($(echo "$linked" | tr ' ' '|'))\$" >"$build/log"; then
		cat "$build/log" >&2
		exit 1
	fi
	grep 'tests passed' "$build/log"
}

mkdir -p "$build"
found=0
for compiler in gcc clang; do
	if ! command -v $compiler >/dev/null; then
		echo "skipped: there is no $compiler"
		continue
	fi
	found=$((found + 1))
	levels "$compiler"
	if [ "$compiler" = clang ] && ! command -v llvm-ar >/dev/null; then
		echo "skipped: clang's LTO needs llvm-ar"
		continue
	fi
	at_link_time "$compiler"
done
[ "$found" != 0 ]
if command -v gcc >/dev/null; then
	configure gcc-debug gcc '-O0 -g' -DEVCHAT_BUILD_BENCH=ON
	made gcc-debug
fi
