#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Does a line cost more user instructions than budget.txt allows?
# sh test/bench/budget.sh [FOLDER TO BUILD IN]
#
# The counts are the same in every run, to the instruction, as long as the tools
# are: gcc with the options below, Debian 12's C library and libevent, and a
# processor with AVX2 (valgrind knows no AVX-512, so that it makes no
# difference).  Elsewhere they differ by some per cent, which is said.
#
# Each program runs under callgrind with two numbers of rounds; the difference
# is what the lines cost, without the start and what is allocated only once.
# Above the budget is a failure.  Well below it is only said: who makes a line
# cheaper may do so in peace, and lower the number in the same change.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
build=${1:-$top/build/budget}
bench=$build/test/bench
made_with='gcc 12'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

say() {
	echo "budget.sh: $*" >&2
}

check_machine() {
	compiler="gcc $(gcc -dumpversion)"
	if [ "$compiler" != "$made_with" ]; then
		say "$compiler; the budget is for $made_with"
	fi
	if ! grep -q -w avx2 /proc/cpuinfo; then
		say 'no AVX2: the budget is for a processor that has it'
	fi
}

compile() {
	CC=gcc cmake -S "$top" -B "$build" -DCMAKE_BUILD_TYPE=Release \
		-DCMAKE_C_FLAGS= \
		-DCMAKE_C_FLAGS_RELEASE='-O2 -g -DNDEBUG -march=x86-64-v2' \
		-DEVCHAT_BUILD_BENCH=ON -DEVCHAT_BUILD_TESTS=OFF \
		-DEVCHAT_BUILD_SAMPLES=OFF >&2
	cmake --build "$build" --target "$@" >&2
}

# count FUNCTION PROGRAM [ARGUMENT]...: instructions inside of that function,
# which the compiler must not have inlined
count() {
	function=$1 program=$bench/$2
	shift 2
	valgrind -q --tool=callgrind --toggle-collect="$function" \
		--callgrind-out-file="$work/counts" "$program" "$@" >&2
	awk '$1 == "totals:" { print $2 }' "$work/counts"
}

# judge NAME INSTRUCTIONS LINES: prints the row; fails above the budget
judge() {
	awk -v name="$1" -v total="$2" -v lines="$3" '
		$1 == name { most = $2 }
		END {
			each = total / lines
			printf "budget\t%s\tline\tinstructions", name
			printf "\t%.1f\t%.1f\t%.1f\n", each, each, each
			note = "of " most
			if (each == 0)
				note = "NOTHING COUNTED"
			else if (each > most)
				note = note ": TOO MANY"
			else if (each < .75 * most)
				note = note ": lower the budget"
			printf "%s: %.1f %s\n", name, each, note >"/dev/stderr"
			exit !(total > 0 && each <= most)
		}' "$top/test/bench/budget.txt"
}

# echo_lines NAME CONNECTIONS IN_FLIGHT
echo_lines() {
	less=$(count run_loop echo_count "$2" "$3" 20)
	more=$(count run_loop echo_count "$2" "$3" 70)
	judge "$1" $((more - less)) $((50 * $2 * $3))
}

framer_lines() {
	less=$(count by_evchat framer_bench --count 10000)
	more=$(count by_evchat framer_bench --count 60000)
	judge framer_80 $((more - less)) 50000
}

failed=0
check_machine
compile echo_count framer_bench
echo_lines echo_pipelined 16 64 || failed=1
echo_lines echo_single 64 1 || failed=1
framer_lines || failed=1
if [ "$failed" = 1 ]; then
	say 'a line costs too much; callgrind_annotate(1) tells where'
fi
exit "$failed"
