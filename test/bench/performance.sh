#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Measure, and write docs/performance.md and docs/plots anew:
#
#	sh test/bench/performance.sh [-q] [-r ROUNDS] [-b BUILD] [STEP...]
#
#	-q	quick: two short rounds, to see whether everything works
#	-r	rounds, 7 if not said
#	-b	measure what is built there, and build nothing
#
# The steps are those below, in their order; without one, all of them.  Each
# measurement leaves build/performance/STEP.tsv, and `render` makes tables and
# plots of what is there, whenever it is from.  What a step needs and does not
# find is said, and the step left out.  PEERS=DIRECTORY in the environment
# names a yardstick with other systems, made by its Makefile and run by its
# run_echo.py.
set -eu

steps='machine echo framer output http idle syscalls instructions peers render'

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
top=$(CDPATH='' cd -- "$here/../.." && pwd)
# shellcheck source=test/bench/machine.sh
. "$here/machine.sh"
results=$top/build/performance
build=$results/release
is_built=no
rounds=7
seconds=3
mib=1024
connections=10000

usage() {
	echo "usage: performance.sh [-q] [-r ROUNDS] [-b BUILD] [STEP...]"
	echo "steps: $steps"
} >&2

say() {
	echo "performance.sh: $*" >&2
}

# has COMMAND STEP: or say so
has() {
	command -v "$1" >/dev/null && return
	say "no $1; $2 is left out"
	return 1
}

# The tests are for idle_probe, the samples for http_server.
build_all() {
	[ "$is_built" = no ] || return 0
	is_built=yes
	cmake -S "$top" -B "$build" -DCMAKE_BUILD_TYPE=Release \
		-DEVCHAT_BUILD_BENCH=ON -DEVCHAT_BUILD_SAMPLES=ON \
		-DEVCHAT_BUILD_TESTS=ON >&2
	cmake --build "$build" --parallel 2 >&2
}

# keep NAME COMMAND...: its output becomes NAME.tsv, if there is any
keep() {
	name=$1
	shift
	"$@" >"$results/$name.new"
	if [ -s "$results/$name.new" ]; then
		mv "$results/$name.new" "$results/$name.tsv"
	else
		say "$name: no rows"
		rm "$results/$name.new"
	fi
}

# --- Measuring. ---

measure_echo() {
	"$build/test/bench/echo_bench" -r "$rounds" -s "$seconds"
}

measure_framer() {
	taskset -c 1 "$build/test/bench/framer_bench" "$framer_mib" "$rounds"
}

measure_output() {
	"$build/test/bench/output_bench" "$mib" "$rounds" "$results"
}

measure_http() {
	sh "$here/http_bench.sh" "$build" "$rounds" "$seconds"
}

measure_idle() {
	"$build/test/idle_probe" "$connections" "$seconds" |
		awk -f "$here/idle.awk"
}

measure_syscalls() {
	sh "$here/syscalls.sh" "$build/test/bench"
}

measure_instructions() {
	sh "$here/instructions.sh" "$build/test/bench"
}

# What of the yardstick cannot be built is not run; the rest is.
measure_peers() {
	make -k -C "$PEERS" "B=$results/peers" >&2 ||
		say 'some of the yardstick cannot be built'
	B=$results/peers EVCHAT_ECHO="$build/test/bench/echo_at {p}" \
		python3 "$PEERS/run_echo.py" --rounds "$rounds" \
		--secs "$seconds" </dev/null >"$results/peers.txt"
	awk -f "$here/peers.awk" "$results/peers.txt"
}

run_machine() {
	describe_machine "$top" "$build" >"$results/machine.md"
}

# run_program STEP PROGRAM: if it is there
run_program() {
	if [ -e "$2" ]; then
		keep "$1" "measure_$1"
	else
		say "no ${2##*/}; $1 is left out"
	fi
}

run_peers() {
	if [ -z "${PEERS-}" ]; then
		say 'no PEERS in the environment; peers is left out'
	elif has python3 peers && has make peers; then
		keep peers measure_peers
	fi
}

# --- Tables and plots. ---

markers() {
	sed -n 's/^<!-- begin \([a-z0-9_]*\) -->$/\1/p' "$top/docs/performance.md"
}

# selected MARKER: what is to stand there, where it is not just a table
selected() {
	lengths='^(LF|CRLF|CRLFCRLF|20_bytes)_[0-9]+$'
	peers='^(evchat|memchr|memmem|evbuffer_search|evbuffer_readln|read)$'
	ways='^(evchat_64k|avx512|avx2|sse2|neon|plain)$'
	case $1 in
	framer) select_of framer "$lengths" "$peers" GB/s ;;
	framer_cost) select_of framer "$lengths" '^evchat$' ns/frame ;;
	framer_ways) select_of framer "$lengths" "$ways" GB/s ;;
	framer_other)
		select_of framer '^(LF[|]CRLF|70_bytes|records)_[0-9]+$' \
			"$peers" GB/s
		;;
	goals) awk -f "$here/goals.awk" "$here/goals.txt" "$results"/*.tsv ;;
	echo_latency_*) select_of echo_latency '' "^${1##*_}_" us ;;
	framer_worst) select_of framer '^worst_' "$peers" GB/s ;;
	*) select_of "$1" '' '' '' ;;
	esac
}

# select_of TABLE ROWS COLUMNS UNITS
select_of() {
	cat "$results"/*.tsv | awk -v table="$1" -v rows="$2" -v columns="$3" \
		-v units="$4" -f "$here/tables.awk"
}

render_tables() {
	tables=$results/tables
	mkdir -p "$tables"
	for table in $(markers); do
		selected "$table" >"$tables/$table.md"
	done
	if [ -f "$results/machine.md" ]; then
		cp "$results/machine.md" "$tables/machine.md"
	fi
	awk -v directory="$tables" -f "$here/insert.awk" \
		"$top/docs/performance.md" >"$results/performance.md"
	cat "$results/performance.md" >"$top/docs/performance.md"
}

# A plot of which there are no figures stays as it is.
render_plots() {
	has gnuplot plots || return 0
	mkdir -p "$top/docs/plots"
	cd "$here/plots"
	for script in [a-z]*.gp; do
		plot=${script%.gp}
		# style.gp and bars.gp are parts of the others.
		rows=$results/${plot%%_*}.tsv
		[ -f "$rows" ] || continue
		gnuplot -e "rows = '$rows'" "$script" \
			>"$results/$plot.svg"
		cat "$results/$plot.svg" >"$top/docs/plots/$plot.svg"
	done
}

run_render() {
	if [ -z "$(find "$results" -name '*.tsv')" ]; then
		say 'nothing was measured yet'
		exit 1
	fi
	render_tables
	render_plots
}

# --- All of it. ---

run() {
	[ "$1" = render ] || build_all
	case $1 in
	machine) run_machine ;;
	echo) run_program echo "$build/test/bench/echo_bench" ;;
	framer) run_program framer "$build/test/bench/framer_bench" ;;
	output) run_program output "$build/test/bench/output_bench" ;;
	http) run_program http "$build/test/bench/evhttp_bench" ;;
	idle) run_program idle "$build/test/idle_probe" ;;
	syscalls) run_program syscalls "$here/syscalls.sh" ;;
	instructions) run_program instructions "$here/instructions.sh" ;;
	peers) run_peers ;;
	render) run_render ;;
	esac
}

framer_mib=64
while getopts qr:b: option; do
	case $option in
	q) rounds=2 seconds=1 mib=64 framer_mib=4 connections=500 ;;
	r) rounds=$OPTARG ;;
	b)
		build=$(CDPATH='' cd -- "$OPTARG" && pwd)
		is_built=yes
		;;
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
	case " $steps " in
	*" $step "*) ;;
	*)
		usage
		exit 2
		;;
	esac
done
mkdir -p "$results"
for step; do
	say "$step"
	run "$step"
done
