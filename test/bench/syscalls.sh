#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# System calls of each echo server for a line: sh syscalls.sh BUILD/test/bench
#
# Each server runs under strace with two numbers of lines; the difference is
# what the lines cost, without the start and the connections.  Under strace it
# is slower than its clients, so that one epoll_wait() tells of many of them:
# the least number there can be.  What the calls are goes to stderr.
set -eu

if ! command -v strace >/dev/null; then
	echo 'syscalls.sh: no strace; left out' >&2
	exit 0
fi
programs=$(CDPATH='' cd -- "${1:?usage: syscalls.sh BUILD/test/bench}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# count OUTPUT LINES "LOAD OPTIONS" SERVER [MODE]
count() {
	output=$1 lines=$2 load=$3 server=$programs/$4
	shift 4
	# shellcheck disable=SC2086 # a list of words
	"$programs/echo_load" $load -n "$lines" \
		strace -f -c -o "$output" "$server" "$@" >/dev/null
}

# difference ROW COLUMN LINES: of the two summaries, where a row has the calls
# in the fourth column and the name in the last
difference() {
	awk -v row="$1" -v column="$2" -v lines="$3" '
		$1 ~ /^[0-9.]+$/ && $NF != "total" {
			calls[$NF] += FILENAME ~ /few$/ ? -$4 : $4
		}
		END {
			for (name in calls) {
				each = calls[name] / lines
				total += each
				if (each >= 0.0005)
					list = list sprintf(" %s %.3f", \
						name, each)
			}
			printf "%s at %s:%s\n", row, column, list >"/dev/stderr"
			printf "syscalls\t%s\t%s\tcalls/line", row, column
			printf "\t%.3f\t%.3f\t%.3f\n", total, total, total
		}' "$work/few" "$work/many"
}

# measure ROW SERVER [MODE]
measure() {
	row=$1
	shift
	count "$work/few" 640 '-c 64 -d 1 -l 32' "$@"
	count "$work/many" 3840 '-c 64 -d 1 -l 32' "$@"
	difference "$row" 64x1x32 3200
	count "$work/few" 10240 '-c 16 -d 64 -l 32' "$@"
	count "$work/many" 61440 '-c 16 -d 64 -l 32' "$@"
	difference "$row" 16x64x32 51200
}

measure epoll echo_epoll
measure evchat_frame echo_evchat frame
measure evchat_pieces echo_evchat pieces
measure bufferevent echo_bufferevent move
measure bufferevent_eager echo_bufferevent eager
measure readln echo_readln
