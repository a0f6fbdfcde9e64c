#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Does a shared library export what its list says, no more and no less?
#
#	sh test/symbols.sh LIBRARY LIST [update]
#
# A symbol that is missing breaks programs; one too many is a promise that
# nobody meant to make.  With `update` the list is written anew.
set -eu

library=$1
list=$2

exported() {
	nm -D --defined-only "$library" | awk '{ print $NF }' | LC_ALL=C sort
}

if [ "${3-}" = update ]; then
	exported >"$list"
	exit
fi
if ! exported | diff -u "$list" -; then
	echo "symbols.sh: $library (+) is not what $list (-) says" >&2
	exit 1
fi
echo "$(wc -l <"$list") symbols, all of them in $list"
