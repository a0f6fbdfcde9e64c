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
	cmake -S "$top" -B "$build" -DCMAKE_BUILD_TYPE=Release >&2 &&
		cmake --build "$build" --parallel 2 >&2
}

# --- The steps.  What they print is kept, and the figures in it are used. ---

measure_suite() {
	ctest --test-dir "$build" -j 2 -L fast -V |
		awk '{ print }
			/100%: Checks: / { sub(/,/, "", $4); checks += $4 }
			/tests passed, 0 tests failed/ { programs = $NF }
			END {
				print "figure: suite-programs", programs
				print "figure: suite-checks", checks
				exit !programs
			}'
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

# renamed FROM TO COMMAND...: two programs call their figures alike
renamed() {
	from=$1 to=$2
	shift 2
	"$@" >"$results/renamed"
	code=$?
	sed "s/^figure: $from/figure: $to/" "$results/renamed"
	return "$code"
}

measure_sweeps() {
	renamed points allocation-points \
		"$build/test/sweep/allocation_sweep" &&
		renamed points system-call-points \
			"$build/test/sweep/syscall_sweep"
}

measure_io() {
	ctest --test-dir "$build" -j 2 -L choppy -V |
		awk '{ print }
			/figure: calls-refused/ { refused += $NF }
			/figure: calls-shortened/ { shortened += $NF }
			/100%: Checks: / { sub(/,/, "", $4); checks += $4 }
			/tests passed, 0 tests failed/ { programs = $NF }
			END {
				print "figure: choppy-refused", refused
				print "figure: choppy-shortened", shortened
				print "figure: choppy-programs", programs
				print "figure: choppy-checks", checks
				exit !programs
			}'
}

measure_backends() {
	sh "$here/../backends.sh" "$build" -j 2 |
		awk '{ print }
			/tests passed, 0 tests failed/ { ways++ }
			END {
				print "figure: backends", ways + 1
				exit ways != 2
			}'
}

measure_fuzz() {
	bash "$here/../fuzz/run.sh" "$(either 1800 10)"
}

measure_mutation() {
	if [ "$is_quick" = no ]; then
		python3 "$here/../mutation/mutate.py"
	else
		python3 "$here/../mutation/mutate.py" --sample 40
	fi
}

measure_broken() {
	sh "$here/../mutation/broken.sh"
}

measure_coverage() {
	sh "$here/../coverage.sh"
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

# What is fast in a short form, in full.
measure_hostile() {
	for program in test_sample_replay test_hostile test_hostile_chat; do
		EVCHAT_TEST_SCALE=$(either 8 6) CK_DEFAULT_TIMEOUT=800 \
			"$build/test/$program" || return
	done
}

measure_slowhttp() {
	bash "$here/../slowhttp.sh" "$(either full short)" \
		"$build/samples/http_server"
}

measure_soak() {
	renamed soak soak-cycles \
		"$build/test/soak" cycles="$(either 100000 1000)" &&
		"$build/test/soak" seconds="$(either 600 10)"
}

measure_analysers() {
	if [ "$is_quick" = no ]; then
		bash "$here/../analysers.sh" fanalyzer tidy debugging
	else
		bash "$here/../analysers.sh" fanalyzer
	fi && echo 'figure: analysers-reports 0'
}

# --- The tables. ---

render() {
	tables=$results/tables
	mkdir -p "$tables"
	[ ! -f "$results/machine.log" ] ||
		cp "$results/machine.log" "$tables/machine.md"
	awk -f "$here/table.awk" "$here/goals.txt" "$results"/*.figures \
		>"$tables/goals.md" || failed="$failed goals"
	awk -v directory="$tables" -f "$here/../bench/insert.awk" \
		"$top/docs/reliability.md" >"$results/reliability.md"
	cat "$results/reliability.md" >"$top/docs/reliability.md"
}

# --- All of it. ---

run() {
	case $1 in
	machine) describe_machine "$top" "$build" >"$results/machine.log" ;;
	render) render ;;
	*)
		"measure_$1" >"$results/$1.log" 2>&1 || failed="$failed $1"
		grep -a '^figure: ' "$results/$1.log" >"$results/$1.figures"
		;;
	esac
}

while getopts q option; do
	case $option in
	q) is_quick=yes ;;
	*)
		usage
		exit 2
		;;
	esac
done
shift $((OPTIND - 1))
if [ $# -eq 0 ]; then
	# shellcheck disable=SC2086 # a list of words
	set -- $steps
fi
for step; do
	case " $(echo "$steps" | tr '\n\t' '  ') " in
	*" $step "*) ;;
	*)
		usage
		exit 2
		;;
	esac
done
mkdir -p "$results"
build_all || exit
for step; do
	say "$step"
	run "$step"
done
if [ -n "$failed" ]; then
	say "failed or missed:$failed; see $results/STEP.log"
	exit 1
fi
