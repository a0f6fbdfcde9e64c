#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Are the libraries still what a program was linked with?  Compares them with
# their descriptions in test/abi/: sh test/abi.sh, or sh test/abi.sh update to
# write these anew (CONTRIBUTING.md says when that may be).
#
# Needs abidw and abidiff, Debian's abigail-tools, and gcc.  The descriptions
# are of x86-64, of what is exported and of the types in the public headers,
# whatever options the libraries were compiled with; on another machine there is
# nothing to compare, which ends with 77.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=$top/build/abi
failures=0

describe() {
	abidw --headers-dir "$top/include/evchat" --drop-private-types \
		--exported-interfaces-only --no-show-locs --no-comp-dir-path \
		--no-corpus-path --no-elf-needed --no-parameter-names "$1"
}

# So that no description knows where it was made.
compile() {
	CC=gcc cmake -S "$top" -B "$build" -DCMAKE_BUILD_TYPE=Debug \
		"-DCMAKE_C_FLAGS=-ffile-prefix-map=$top/=" \
		-DEVCHAT_BUILD_TESTS=OFF -DEVCHAT_BUILD_SAMPLES=OFF >/dev/null
	cmake --build "$build" --parallel 2 >/dev/null
}

# abidiff cannot read a description and headers at once, so it gets two
# descriptions.  It sets 4 for a change, and 8 for one that breaks for certain.
compare() {
	code=0
	abidiff --harmless "$1" "$2" || code=$?
	[ "$code" != 0 ] || return 0
	failures=$((failures + 1))
	if [ $((code & 8)) != 0 ]; then
		echo "abi.sh: ${1##*/}: programs that use it break" >&2
	fi
}

if [ "$(uname -m)" != x86_64 ]; then
	echo "abi.sh: skipped, the descriptions are of x86-64"
	exit 77
fi
compile
for library in libevchat libevchat_dns; do
	shared=$build/lib/$library.so
	describe "$shared" >"$build/$library.abi"
	if [ "${1-}" = update ]; then
		sh "$top/test/symbols.sh" "$shared" \
			"$top/test/abi/$library.symbols" update
		cp "$build/$library.abi" "$top/test/abi/$library.abi"
	fi
	compare "$top/test/abi/$library.abi" "$build/$library.abi"
done
if [ "$failures" != 0 ]; then
	echo 'abi.sh: the ABI is another one; see CONTRIBUTING.md' >&2
	exit 1
fi
echo 'The ABI is as described in test/abi/.'
