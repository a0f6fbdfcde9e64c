#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The fast tests on the ways to wait that libevent has on Linux beside epoll:
#
#     sh test/backends.sh <build directory> [argument of ctest...]
#
# About as long each as `ctest -L fast` alone.  Tests that do no I/O run once.
set -eu

build=$1
shift

fast_tests() {
	ctest --test-dir "$build" -L fast --output-on-failure \
		-E '^(framer_exhaustive|test_(address|alloc|automaton|deadline|error|framer|gather|hits|limits|match|terminator))$' \
		"$@"
}

echo "--- poll"
EVENT_NOEPOLL=1 fast_tests "$@"
echo "--- select"
EVENT_NOEPOLL=1 EVENT_NOPOLL=1 fast_tests "$@"
