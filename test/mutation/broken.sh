#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Would the tests say so by name?  sh test/mutation/broken.sh
#
# Each patch in broken/ breaks a copy of evchat in a way that somebody might, and
# names at its top the tests that must catch it: "Caught by: PROGRAM TEST".  The
# programs must pass without it, and all of these tests fail with it.  A patch
# that does not apply any more is a failure.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
broken=$top/test/mutation/broken
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
copy=$work/evchat
build=$work/build

# Less is enough to catch any of them.  And comm(1) compares as sort(1) sorts.
export EVCHAT_TEST_SCALE=4 LC_ALL=C

die() {
	echo "broken.sh: $*" >&2
	exit 1
}

# catchers PATCH...: programs and their tests
catchers() {
	sed -n 's/^Caught by: //p' "$@"
}

# programs PATCH...: each once
programs() {
	catchers "$@" | cut -d ' ' -f 1 | sort -u
}

# compile PATCH...: their programs
compile() {
	# shellcheck disable=SC2046 # a list of words
	cmake --build "$build" --parallel "$jobs" \
		--target $(programs "$@") >"$work/said" 2>&1 || {
		cat "$work/said" >&2
		die 'it does not compile'
	}
}

# change PATCH [OPTION]: exactly as it stands there
change() {
	patch -d "$copy" -p1 -s --fuzz=0 --no-backup-if-mismatch "${2:--N}" \
		<"$1" >&2 || die "$1 does not apply any more"
}

# failed PROGRAM: the tests of it that fail
failed() {
	if timeout -k 5 120 "$build/test/$1" >"$work/said" 2>&1; then
		return
	fi
	# FILE:LINE:F or E:GROUP:TEST:NUMBER: ...
	awk -F : -v program="$1" '
		$3 == "F" || $3 == "E" { print program, $5; some = 1 }
		END { if (!some) print program, "(unknown)" }
		' "$work/said"
}

# all_failed PATCH...: in all their programs
all_failed() {
	for program in $(programs "$@"); do
		failed "$program"
	done
}

# tell NAME: the tests that were to catch it and did, and how many others
tell() {
	comm -12 "$work/expected" "$work/failed" >"$work/caught"
	others=$(comm -13 "$work/expected" "$work/failed" | wc -l)
	echo "and $others others" |
		awk -v name="$1" '{ printf "%-20s %s\n", name, $0; name = "" }
			' "$work/caught" -
	comm -23 "$work/expected" "$work/failed" |
		sed "s/^/broken.sh: $1 is not caught by /" >&2
}

# try PATCH: is it caught by those it names?
try() {
	change "$1"
	compile "$1"
	all_failed "$1" | sort -u >"$work/failed"
	change "$1" -R
	catchers "$1" | sort >"$work/expected"
	tell "$(basename "$1" .patch)"
	[ -s "$work/caught" ] && cmp -s "$work/expected" "$work/caught"
}

mkdir "$copy"
(cd "$top" && tar -cf - CMakeLists.txt cmake docs include lib samples test) |
	tar -xf - -C "$copy"
cmake -S "$copy" -B "$build" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS=-O1 \
	-DEVCHAT_BUILD_SAMPLES=OFF -DEVCHAT_INSTALL=OFF >&2
compile "$broken"/*.patch
all_failed "$broken"/*.patch >"$work/failed"
[ ! -s "$work/failed" ] || {
	cat "$work/failed" >&2
	die 'these fail with evchat as it is'
}

all=0 caught=0
for patch in "$broken"/*.patch; do
	all=$((all + 1))
	try "$patch" && caught=$((caught + 1))
done
echo
echo "figure: broken-copies-caught $caught/$all"
[ "$caught" = "$all" ]
