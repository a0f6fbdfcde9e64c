#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What an HTTP request costs the server:
#
#	sh http_bench.sh BUILD [ROUNDS [SECONDS]]
#
# samples/http_server, and libevent's evhttp opening the file each time as it
# does or with the bytes in memory, answer with the same 100 bytes.  All run
# throughout on CPU 0; wrk, on CPU 1, asks one after the other over 64
# connections, ROUNDS (5) times for SECONDS (3), in another order each time.
# The measure is the server's CPU time, by the scheduler's clock, over the
# requests that wrk counted; ratios are formed within a round.
set -eu

for tool in wrk taskset curl; do
	if ! command -v "$tool" >/dev/null; then
		echo "http_bench.sh: no $tool; left out" >&2
		exit 0
	fi
done
build=$(CDPATH='' cd -- "${1:?usage: http_bench.sh BUILD [ROUNDS [SECONDS]]}" &&
	pwd)
rounds=${2:-5}
seconds=${3:-3}
names='evchat evhttp_file evhttp_memory'
work=$(mktemp -d)
pids=

stop() {
	status=$?
	trap - EXIT
	# shellcheck disable=SC2086 # a list of words
	[ -z "$pids" ] || kill $pids
	wait
	rm -rf "$work"
	exit "$status"
}
trap stop EXIT
trap 'exit 1' HUP INT TERM

# start NAME PROGRAM...
start() {
	name=$1
	shift
	taskset -c 0 "$@" >"$work/$name.address" &
	pids="$pids $!"
	echo "$!" >"$work/$name.pid"
	until grep -q '/$' "$work/$name.address"; do
		kill -0 "$!" || exit 1
		sleep 1
	done
}

url_of() {
	echo "$(sed 's/.* //' "$work/$1.address")answer.txt"
}

# Is it the same answer, and how long is what goes with it?
check_answer() {
	curl -sS -D "$work/$1.head" -o "$work/$1.body" "$(url_of "$1")"
	cmp "$work/$1.body" "$work/answer.txt"
	{
		echo "$1: a head of $(wc -c <"$work/$1.head") bytes, then" \
			"$(wc -c <"$work/$1.body"):"
		tr -d '\r' <"$work/$1.head" | sed -n 's/./    &/p'
	} >&2
}

# In ns.  Of the only thread there is.
cpu_time() {
	cut -d ' ' -f 1 "/proc/$1/schedstat"
}

# sample ROUND NAME: prints "ROUND NAME us/request requests/s"
sample() {
	pid=$(cat "$work/$2.pid")
	before=$(cpu_time "$pid")
	taskset -c 1 wrk -t1 -c64 "-d$seconds" "$(url_of "$2")" \
		>"$work/wrk"
	after=$(cpu_time "$pid")
	if grep -E 'Non-2xx|Socket errors' "$work/wrk" >&2; then
		exit 1
	fi
	awk -v round="$1" -v name="$2" -v ns=$((after - before)) '
		/ requests in / { n = $1 }
		$1 == "Requests/sec:" { rate = $2 }
		END { print round, name, ns / n / 1000, rate }' "$work/wrk"
}

# From samples to values of one cell each: table row column unit value
values() {
	awk '{
		print "http", $2, "cpu", "us/request", $3
		print "http", $2, "rate", "requests/s", $4
		cpu[$1, $2] = $3
		if (!names[$2]++)
			name[++n] = $2
		rounds = $1
	}
	END {
		for (i = 1; i <= n; i++)
			for (r = 1; name[i] != "evchat" && r <= rounds; r++)
				print "http_ratio", "evchat/" name[i], "cpu", \
					"ratio", cpu[r, "evchat"] / cpu[r, name[i]]
	}'
}

printf '%099d\n' 0 >"$work/answer.txt"
start evchat "$build/samples/http_server" -r "$work" -p 0
start evhttp_file "$build/test/bench/evhttp_bench" "$work/answer.txt"
start evhttp_memory "$build/test/bench/evhttp_bench" -m "$work/answer.txt"
for name in $names; do
	check_answer "$name"
done
# The first time each of them warms up.
for name in $names; do
	sample 0 "$name" >/dev/null
done
round=1
while [ "$round" -le "$rounds" ]; do
	for name in $(echo "$names" | tr ' ' '\n' | shuf); do
		sample "$round" "$name"
	done
	round=$((round + 1))
done >"$work/samples"
values <"$work/samples" | awk -f "$(dirname -- "$0")/medians.awk"
