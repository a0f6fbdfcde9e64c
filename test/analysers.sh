#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Have analysers look at evchat, and exit 1 if one of them has something to
# report:
#
#	bash test/analysers.sh [STEP...]
#
#	fanalyzer	gcc -fanalyzer, on the library
#	tidy		clang-tidy, on the library, the samples, test/support
#	debugging	libevent's own checks of how it is used: its events in
#			every fast test, its locks where there are threads
#	threads		ThreadSanitizer, on every fast test
#	memcheck	valgrind, on every fast test, samples included
#
# Without a step, all of them.  What an analyser says that is not so stands in
# test/analysers/known.txt, with the reason.  EVCHAT_TEST_SCALE sizes the last
# two, 4 if not said.
set -euo pipefail
# shellcheck source=cmake/setup.sh
. "$(dirname -- "$0")/../cmake/setup.sh"
cd "$top"

results=build/analysers
known=test/analysers/known.txt

# Those that have threads.
threaded='^(test_remote|post_stress|test_echo)(\.plain)?$'
# Those that have nothing of libevent's to be watched.
pure='^(framer_exhaustive|test_(hits|automaton|match|framer|gather))$'

say() {
	echo "analysers.sh: $*"
}

# What stands on standard input and is not known is reported; what is known and
# does not stand there any more is mentioned.  Lines are `file subject what`.
report() {
	local step=$1 found=$results/$1.found

	sort -u >"$found"
	awk -v step="$step" '$1 == step { print $2, $3, $4 }' "$known" |
		sort -u >"$found.known"
	comm -13 "$found" "$found.known" |
		sed "s/^/analysers.sh: $step says no more: /"
	if [ -n "$(comm -23 "$found" "$found.known")" ]; then
		comm -23 "$found" "$found.known"
		say "$step: the whole of it is in $results/$step.log"
		return 1
	fi
	say "$step: nothing to report but $(wc -l <"$found") known to be wrong"
}

# prepare NAME COMPILER [CMAKE ARGUMENT...]: configure build/analysers/NAME
prepare() {
	CC=$2 cmake -S . -B "$results/$1" -DEVCHAT_TEST_TIMEOUT=1800 \
		"${@:3}" >"$results/$1.cmake.log"
}

make_it() {
	cmake --build "$results/$1" --parallel "$jobs" "${@:2}" \
		>"$results/$1.make.log"
}

# Functions are kept apart, so that a report names the one that it is about.
fanalyzer() {
	local file flags

	prepare plain gcc -DCMAKE_BUILD_TYPE=RelWithDebInfo
	flags="-std=c11 -O1 -fno-inline -fanalyzer -D_GNU_SOURCE
		-D_FILE_OFFSET_BITS=64 -Iinclude -I$results/plain/include
		$(pkg-config --cflags libevent_core libevent_extra)"
	for file in lib/*.c; do
		# shellcheck disable=SC2086 # a list of words
		LC_ALL=C gcc $flags -c "$file" -o /dev/null
	done 2>"$results/fanalyzer.log"
	awk '/: In function / { gsub(/[^A-Za-z_0-9]/, "", $NF); subject = $NF }
		/: warning: / {
			sub(/:.*/, "", $1)
			gsub(/^\[|\]$/, "", $NF)
			print $1, subject, $NF
		}' "$results/fanalyzer.log" | report fanalyzer
}

# One file at a time: with several, version 14 takes every second va_list for
# one that was never begun.
tidy() {
	if ! command -v clang-tidy >/dev/null; then
		say 'tidy: there is no clang-tidy'
		return 1
	fi
	prepare tidy clang -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
	printf '%s\n' lib/*.c samples/*.c test/support/*.c |
		xargs -P "$jobs" -n 1 clang-tidy --quiet -p "$results/tidy" \
			>"$results/tidy.log" 2>/dev/null || true
	sed -n "s,^$top/,,
		s/^\([^:]*\):[0-9]*:[0-9]*: \(error\|warning\): .*\[\([^],]*\).*/\1 - \3/p" \
		"$results/tidy.log" | report tidy
}

# It must be caught: otherwise nothing is.
must_be_caught() {
	if env EVCHAT_TEST_LOCKS=1 LD_PRELOAD="$1" "$2" "$3" 2>/dev/null; then
		say "debugging: wrong use of $3 is not noticed"
		return 1
	fi
}

# Tests that count what libevent holds, or take its memory away, fail when it
# holds more: what counts is only what libevent itself complains of.
debugging() {
	local test module=$top/$results/plain/test/libdebugging.so

	prepare plain gcc -DCMAKE_BUILD_TYPE=RelWithDebInfo
	make_it plain
	make_it plain --target debugging misuse
	test=$results/plain/test
	must_be_caught "$module" "$test/misuse" events
	must_be_caught "$module" "$test/misuse" locks
	LD_PRELOAD=$module ctest --test-dir "$results/plain" -V -L fast \
		-E "$pure" -j "$jobs" >"$results/debugging.log" || true
	EVCHAT_TEST_LOCKS=1 LD_PRELOAD=$module ctest \
		--test-dir "$results/plain" -V -R "$threaded" \
		>>"$results/debugging.log" || true
	grep -c '\(Passed\|Failed\)  ' "$results/debugging.log" |
		sed 's/^/analysers.sh: debugging: test programs: /'
	awk '/\[err\]/ && !/Out of memory in debugging code/ {
			gsub(/ /, "_")
			print "libevent", "-", $0
		}' "$results/debugging.log" | report debugging
}

threads() {
	prepare threads clang --preset tsan
	make_it threads
	TSAN_OPTIONS='halt_on_error=1 exitcode=66' \
		EVCHAT_TEST_SCALE=${EVCHAT_TEST_SCALE:-4} \
		ctest --test-dir "$results/threads" -L fast -j "$jobs" \
		--output-on-failure
}

# Each process of a test is one of valgrind's, and what a sample is started as,
# too.
memcheck() {
	local valgrind='valgrind;-q;--error-exitcode=99;--leak-check=full'

	valgrind+=';--errors-for-leak-kinds=definite;--trace-children=yes'
	prepare memcheck gcc -DCMAKE_BUILD_TYPE=RelWithDebInfo \
		-DCMAKE_CROSSCOMPILING_EMULATOR="$valgrind"
	make_it memcheck
	EVCHAT_TEST_SCALE=${EVCHAT_TEST_SCALE:-4} \
		ctest --test-dir "$results/memcheck" -L fast -j "$jobs" \
		--output-on-failure
}

mkdir -p "$results"
# In a shell of its own, so that the first thing that fails ends the step.
if [ "${1:-}" = --alone ]; then
	"$2"
	exit
fi
steps=("$@")
if [ $# = 0 ]; then
	steps=(fanalyzer tidy debugging threads memcheck)
fi
failed=no
for step in "${steps[@]}"; do
	case $step in
	fanalyzer | tidy | debugging | threads | memcheck) ;;
	*)
		say "no such step: $step"
		exit 1
		;;
	esac
	from=$SECONDS
	bash "$0" --alone "$step" || failed=yes
	say "$step took $((SECONDS - from)) s"
done
[ $failed = no ]
