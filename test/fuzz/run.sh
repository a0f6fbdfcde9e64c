#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Fuzz, with libFuzzer (clang), AddressSanitizer and UBSan:
#
#	bash test/fuzz/run.sh [--keep] [seconds] [target...]
#
# Each target, all four if none is named, runs for so many seconds (30) from a
# copy of its seeds and corpus, as many at a time as there are cores.  Prints
# figures; fails when there was a find, and says where it lies.  It belongs to
# the seeds, with a name, when it is mended.  With --keep new inputs are merged
# into the tree's corpora, which are made as small as they can be.
set -euo pipefail

top=$(cd -- "$(dirname -- "$0")/../.." && pwd)
here=$top/test/fuzz
bin=$top/build/fuzz/test/fuzz
scratch=$top/build/fuzz/scratch
jobs=$(getconf _NPROCESSORS_ONLN)

# Memory that was freed is kept from being used again, but not much of it: the
# system would be asked for more each time.
export ASAN_OPTIONS=quarantine_size_mb=4:allocator_release_to_os_interval_ms=-1
export ASAN_OPTIONS=$ASAN_OPTIONS:malloc_context_size=8

# How long an input may be.
# shellcheck disable=SC2317
longest() {
	case $1 in
	fuzz_http) echo 600 ;;
	*) echo 300 ;;
	esac
}

build() {
	local generator=()

	command -v ninja >/dev/null && generator=(-G Ninja)
	if [ ! -f "$top/build/fuzz/CMakeCache.txt" ]; then
		cmake -S "$top" --preset fuzz "${generator[@]}" >/dev/null
	fi
	(cd "$top" && cmake --build --preset fuzz --parallel "$jobs") >&2
}

# fuzz <seconds> <target>: called by xargs
# shellcheck disable=SC2317
fuzz() {
	local seconds=$1 target=$2 work=$scratch/$2 dictionary=()

	rm -rf "$work"
	mkdir -p "$work/finds"
	cp -r "$here/corpus/$target" "$work/corpus"
	if [ -d "$here/seeds/$target" ]; then
		cp "$here/seeds/$target"/* "$work/corpus"
	fi
	if [ -f "$here/$target.dict" ]; then
		dictionary=("-dict=$here/$target.dict")
	fi
	"$bin/$target" -max_total_time="$seconds" -timeout=20 \
		-max_len="$(longest "$target")" -print_final_stats=1 \
		-artifact_prefix="$work/finds/" "${dictionary[@]}" \
		"$work/corpus" >"$work/log" 2>&1
}

# The last of libFuzzer's own lines that has a number behind this word.
last_number() {
	grep -aoE "$2:? +[0-9]+" "$scratch/$1/log" | awk 'END { print $2 }'
}

report() {
	local target=$1 log=$scratch/$1/log name=${1/_/-}

	printf 'figure: %s-executions %s\n' "$name" \
		"$(last_number "$target" number_of_executed_units)"
	printf 'figure: %s-executions-per-second %s\n' "$name" \
		"$(last_number "$target" average_exec_per_sec)"
	printf 'figure: %s-coverage %s\n' "$name" "$(last_number "$target" cov)"
	printf 'figure: %s-features %s\n' "$name" "$(last_number "$target" ft)"
	printf 'figure: %s-seconds %s\n' "$name" \
		"$(sed -n 's/^Done .* runs in \([0-9]*\) .*/\1/p' "$log")"
	printf 'figure: %s-finds %s\n' "$name" \
		"$(find "$scratch/$target/finds" -type f | wc -l)"
}

# What there was to see of a find, and the input.
show_finds() {
	find "$scratch/$1/finds" -type f -printf '%p\n' >&2
	grep -aE 'fuzz: |ERROR: |runtime error|SUMMARY' "$scratch/$1/log" >&2 ||
		tail -n 20 "$scratch/$1/log" >&2
}

# Few inputs that reach every edge that the old ones and the new ones do; one
# for each number of times would be thousands.
keep() {
	local target=$1 merged=$scratch/$1/merged

	rm -rf "$merged"
	mkdir "$merged"
	"$bin/$target" -merge=1 -use_counters=0 \
		-max_len="$(longest "$target")" "$merged" \
		"$scratch/$target/corpus" "$here/corpus/$target" 2>/dev/null
	rm -rf "$here/corpus/$target"
	cp -r "$merged" "$here/corpus/$target"
	printf '%s: %s inputs kept\n' "$target" \
		"$(find "$merged" -type f | wc -l)"
}

keeping=no
if [ "${1-}" = --keep ]; then
	keeping=yes
	shift
fi
seconds=${1-30}
targets=("${@:2}")
if [ ${#targets[@]} = 0 ]; then
	targets=(fuzz_channel fuzz_framer fuzz_http fuzz_queue)
fi

build
export -f fuzz longest
export here bin scratch
found=0
printf '%s\n' "${targets[@]}" |
	xargs -P "$jobs" -I '{}' bash -c "fuzz $seconds {}" || found=1
for target in "${targets[@]}"; do
	report "$target"
	if [ -n "$(find "$scratch/$target/finds" -type f)" ]; then
		show_finds "$target"
		found=1
	elif [ "$keeping" = yes ]; then
		keep "$target"
	fi
done
exit "$found"
