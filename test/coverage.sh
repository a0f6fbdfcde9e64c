#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# How much of lib/ do the tests run?  sh test/coverage.sh [FOLDER TO BUILD IN]
#
# Builds the preset `coverage` with gcc, runs the tests that are labelled fast
# (LABELS='fast|slow' runs more) and prints lines and branches of each file.
# Nothing is left out, neither by an option of gcovr nor by a comment: the branch
# on which an assertion fails counts as one that is not taken, and so does each
# error of libevent's that no test can bring about.  Without optimisation the
# ways to search are compiled once, and each of its branches counts once; that in
# AVX-512 is run only by a processor that has it.
#
# Fails below the goals.  Needs gcovr.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=${1:-$top/build/coverage}
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
table=$(mktemp)
trap 'rm -f "$table"' EXIT
trap 'exit 1' HUP INT TERM

# What must be reached in per cent: lines and branches.
goals='
lib         97  92
match.c    100 100
framer.c   100 100
'

compile() {
	CC=gcc cmake -S "$top" --preset coverage -B "$build" >&2
	cmake --build "$build" --parallel "$jobs" >&2
	find "$build" -name '*.gcda' -exec rm -f {} +
}

# The loops of the exhaustive tests are not optimised.
run_tests() {
	EVCHAT_TEST_SCALE=${EVCHAT_TEST_SCALE:-6} \
		ctest --test-dir "$build" -L "${LABELS:-fast}" \
		--output-on-failure -j "$jobs" >&2
}

# judge: reads the table of gcovr, prints it and the figures
judge() {
	awk -F , -v goals="$goals" '
		function share(part, all) {
			return all ? 100 * part / all : 100
		}
		function show(name) {
			printf "%-26s %5d of %5d %6.1f %%", name, covered[name],
				lines[name], share(covered[name], lines[name])
			printf "  %5d of %5d %6.1f %%\n", taken[name],
				branches[name], share(taken[name], branches[name])
		}
		function add(name) {
			lines[name] += $2
			covered[name] += $3
			branches[name] += $5
			taken[name] += $6
		}
		function figure(name, what, part, all) {
			printf "figure: coverage-%s%s %.1f\n", name, what,
				share(part, all)
		}
		function figures(name, short) {
			figure(short, "lines", covered[name], lines[name])
			figure(short, "branches", taken[name], branches[name])
		}
		function judge(name, part, all, goal, what) {
			if (100 * part >= goal * all && all)
				return
			printf "coverage.sh: %s of %s: below %d %%\n", what,
				name, goal >"/dev/stderr"
			failed = 1
		}
		NR == 1 {
			printf "%-26s %23s  %23s\n", "file", "lines", "branches"
			next
		}
		{
			sub(/.*\//, "", $1)
			add($1)
			add("lib")
			show($1)
		}
		END {
			show("lib")
			print ""
			figures("lib", "")
			figures("match.c", "match-")
			figures("hits.c", "hits-")
			figures("automaton.c", "automaton-")
			figures("framer.c", "framer-")
			n = split(goals, goal, " ")
			for (i = 1; i < n; i += 3) {
				name = goal[i]
				judge(name, covered[name], lines[name],
					goal[i + 1], "lines")
				judge(name, taken[name], branches[name],
					goal[i + 2], "branches")
			}
			exit failed
		}' "$table"
}

command -v gcovr >/dev/null || {
	echo 'coverage.sh: gcovr is needed (Debian: apt-get install gcovr)' >&2
	exit 1
}
compile
run_tests
gcovr -r "$top" --filter "$top/lib/" --csv "$table" "$build" >&2
judge
