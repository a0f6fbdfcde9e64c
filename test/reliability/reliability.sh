#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Measure how reliable evchat is, and write the tables of docs/reliability.md:
#
#	sh test/reliability/reliability.sh [-q] [STEP...]
#
#	-q	quick: little of everything; does it work?
#
# The steps are those below, in their order; without one, all of them, which
# takes about two hours.  Each leaves what it counted in
# build/reliability/STEP.figures, as lines "figure: NAME VALUE", and its whole
# output in STEP.log; `render` makes the tables of what is there, whenever it is
# from.  Ends with 1 when a step fails, or when a goal is missed.
set -u

steps='machine suite framer sweeps io backends fuzz mutation broken coverage
	crowds hostile slowhttp soak analysers render'

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
top=$(CDPATH='' cd -- "$here/../.." && pwd)
# shellcheck source=test/bench/machine.sh
. "$here/../bench/machine.sh"
results=$top/build/reliability
build=$results/release
is_built=no
is_quick=no
failed=

usage() {
	echo "usage: reliability.sh [-q] [STEP...]"
	echo "steps: $steps"
} >&2

say() {
	echo "reliability.sh: $*" >&2
}

# long or short: the one of two that is wanted
either() {
	if [ "$is_quick" = no ]; then
		echo "$1"
	else
		echo "$2"
	fi
}

build_all() {
	[ "$is_built" = no ] || return 0
	is_built=yes
	cmake -S "$top" -B "$build" -DCMAKE_BUILD_TYPE=Release >&2 &&
		cmake --build "$build" --parallel 2 >&2
}

# tests CTEST_ARGUMENT...: run them; how many there were and how many failed
tests() {
	ctest --test-dir "$build" -j 2 --output-on-failure "$@" >&2
}

# count_tests NAME CTEST_ARGUMENT...: the same as a figure
count_tests() {
	name=$1
	shift
	tests "$@" || return
	printf 'figure: %s ' "$name"
	ctest --test-dir "$build" -N "$@" | sed -n 's/^Total Tests: //p'
}

# --- The steps: each prints figures. ---

measure_suite() {
	ctest --test-dir "$build" -j 2 -L fast -V >"$results/suite.all" || return
	awk '/Checks: / {
			checks += $0 ~ /Failures: 0, Errors: 0/ ? $(NF - 4) : 0
		}
		/tests passed,/ { tests = $NF }
		END {
			print "figure: suite-programs", tests
			print "figure: suite-checks", checks + 0
		}' "$results/suite.all"
}

measure_framer() {
	"$build/test/framer_exhaustive" &&
		python3 "$here/../asynchat/asynchat_says.py" \
			"$build/test/asynchat_cases" \
			"$(either 1000000 10000)" 2 &&
		cmake "-DPROBE=$build/test/linear_probe" \
			"-DSIZES=$(either '1;2;4;8;16' '1;2')" \
			-P "$here/../linear.cmake"
}

# What one bad crowd does to everybody else; real time and real sockets.
measure_crowds() {
	"$build/test/idle_probe" "$(either 10000 500)" "$(either 2 1)" 512 &&
		"$build/test/emfile_probe" || return
	if [ "$is_quick" = no ]; then
		"$build/test/slow_clients"
	else
		"$build/test/slow_clients" good=20 slow=200 deaf=30 seconds=3 \
			runs=1 frame_ms=1500 idle_ms=1500 write_ms=500 \
			slack_us=100000
	fi
}
