#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# User instructions of each echo server for a line, in libevent and the C
# library as well: sh instructions.sh BUILD/test/bench [RUNS]
#
# Each server runs under callgrind with two numbers of lines; the difference is
# what the lines cost, without the start and the connections.  How many
# connections are found ready in one turn is a matter of timing: the minimum and
# the maximum of 3 RUNS tell how much that is.
set -eu

if ! command -v valgrind >/dev/null; then
	echo 'instructions.sh: no valgrind; left out' >&2
	exit 0
fi
usage='usage: instructions.sh BUILD/test/bench [RUNS]'
programs=$(CDPATH='' cd -- "${1:?$usage}" && pwd)
runs=${2:-3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# count LINES "LOAD OPTIONS" SERVER [MODE]: prints the instructions
count() {
	lines=$1 load=$2 server=$programs/$3
	shift 3
	# shellcheck disable=SC2086 # a list of words
	"$programs/echo_load" $load -n "$lines" \
		valgrind -q --tool=callgrind \
		--callgrind-out-file="$work/counts" "$server" "$@" >/dev/null
	awk '$1 == "totals:" { print $2 }' "$work/counts"
}

# differences FEW MANY "LOAD OPTIONS" SERVER [MODE]: one of each run
differences() {
	few=$1 many=$2 options=$3 run=0
	shift 3
	while [ "$run" -lt "$runs" ]; do
		less=$(count "$few" "$options" "$@")
		more=$(count "$many" "$options" "$@")
		echo $((more - less))
		run=$((run + 1))
	done
}

# row ROW COLUMN LINES: of what differences() prints
row() {
	sort -n | awk -v row="$1" -v column="$2" -v lines="$3" -v runs="$runs" '
		{ each[NR] = $1 / lines }
		END {
			if (NR != runs)
				exit 1
			middle = each[int((NR + 1) / 2)]
			middle = (middle + each[int(NR / 2) + 1]) / 2
			printf "instructions\t%s\t%s\tinstructions/line",
				row, column
			printf "\t%.1f\t%.1f\t%.1f\n",
				middle, each[1], each[NR]
		}'
}

# measure ROW SERVER [MODE]
measure() {
	name=$1
	shift
	differences 6400 19200 '-c 64 -d 1 -l 32' "$@" |
		row "$name" 64x1x32 12800
	differences 20480 102400 '-c 16 -d 64 -l 32' "$@" |
		row "$name" 16x64x32 81920
}

measure epoll echo_epoll
measure evchat_frame echo_evchat frame
measure evchat_pieces echo_evchat pieces
measure bufferevent echo_bufferevent move
measure bufferevent_eager echo_bufferevent eager
measure readln echo_readln
