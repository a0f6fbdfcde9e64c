#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Slow clients against the sample HTTP server, by slowhttptest, while wrk is a
# good client:
#
#	bash test/slowhttp.sh           a minute and a half
#	bash test/slowhttp.sh short     half a minute
#	bash test/slowhttp.sh short build/gcc/samples/http_server
#
# Without the path of a server it builds one.  Three modes: slow headers (H),
# slow bodies (B), slow reading (X), each with 1,000 connections to 127.0.0.1.
# Prints a figure a line; exits with 1 if slowhttptest's own probe found the
# service not available, if wrk saw an error, or if attackers were left whom the
# server's deadlines ought to have evicted; with 77 where the tools are missing
# (Debian: slowhttptest, wrk).
set -euo pipefail

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
form=${1:-full}
server=${2:-}
connections=1000
failures=0

# deadline: of a head and the beginning of a body, ms; a peer that reads nothing
# is noticed between once and twice the write deadline.
case $form in
full)
	quiet=10 busy=15 deadline=20000 write_deadline=10000 length=90
	;;
short)
	quiet=2 busy=3 deadline=6000 write_deadline=3000 length=45
	;;
*)
	echo "usage: slowhttp.sh [full|short [http_server]]" >&2
	exit 2
	;;
esac

say() {
	echo "slowhttp.sh: $*" >&2
}

figure() {
	echo "figure: slowhttp-$1 $2"
}

fail() {
	say "FAILED: $*"
	failures=$((failures + 1))
}

need() {
	if ! command -v "$1" >/dev/null; then
		say "LEFT OUT: there is no $1"
		exit 77
	fi
}

build_server() {
	# shellcheck source=cmake/setup.sh
	. "$top/cmake/setup.sh"
	require cmake compiler make pkg-config libevent >&2
	configure OFF >&2
	build http_server >&2
	server=$build/samples/http_server
}

stop() {
	if [ -n "${server_pid:-}" ]; then
		kill "$server_pid" 2>/dev/null || :
	fi
	rm -rf "$work"
}

# The server says where it listens in its first line.
start_server() {
	mkdir "$work/www"
	echo hello >"$work/www/hello.txt"
	truncate -s 8M "$work/www/big"
	mkfifo "$work/said"
	"$server" -p 0 -r "$work/www" -t "$deadline" -w "$write_deadline" \
		>"$work/said" &
	server_pid=$!
	read -r line <"$work/said"
	url=${line#listening on }
	url=${url%/}
}

resident_kib() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$server_pid/status"
}

# measure NAME SECONDS: a good client of four connections
measure() {
	wrk -t1 -c4 -d"$2" --latency --timeout 5s "$url/hello.txt" \
		>"$work/wrk" 2>&1 || fail "$1: wrk"
	figure "$1-requests-per-second" \
		"$(awk '$1 == "Requests/sec:" { print $2 }' "$work/wrk")"
	figure "$1-p99" "$(awk '$1 == "99%" { print $2 }' "$work/wrk")"
	errors=$(awk '
		/Socket errors:/ { gsub(",", ""); n += $4 + $6 + $8 + $10 }
		/Non-2xx/ { n += $NF }
		END { print n + 0 }' "$work/wrk")
	figure "$1-errors" "$errors"
	if [ "$errors" != 0 ] || ! grep -q '^Requests/sec:' "$work/wrk"; then
		fail "$1: the good client saw $errors errors"
		cat "$work/wrk" >&2
	fi
}

# What slowhttptest says, without colours.
said() {
	sed 's/\x1b\[[0-9;]*[a-zA-Z]//g' "$work/attack"
}

# Its probe's word, once every five seconds.
available() {
	said | awk '/^service available:/ { words[$NF]++ }
		END { print words["NO"] || !words["YES"] ? "NO" : "YES" }'
}

descriptors() {
	find "/proc/$server_pid/fd" -mindepth 1 | wc -l
}

# Half of them are enough to begin with.
await_attackers() {
	for tick in $(seq 100); do
		if [ "$(descriptors)" -gt $((connections / 2)) ]; then
			figure "$1-descriptors" "$(descriptors)"
			return
		fi
		sleep 0.2
	done
	fail "$1: after $((tick / 5)) s only $(descriptors) descriptors are open"
}

# Wait until the server has no attacker any more, and the probe has spoken; not
# until they go by themselves, which would be no eviction.  As to the probe,
# slowhttptest itself takes its time to see what was sent to it.
await_eviction() {
	while [ $((SECONDS - began)) -lt $((length - 3)) ]; do
		if [ "$(descriptors)" -le "$idle_descriptors" ] &&
			said | grep -q '^service available:.*[A-Z]'; then
			return
		fi
		sleep 0.2
	done
	fail "$1: after $((SECONDS - began)) s $(descriptors) descriptors are open"
}

# attack NAME PATH [OPTION]...: while the good client is served
attack() {
	mode=$1 path=$2
	shift 2
	began=$SECONDS
	slowhttptest -c "$connections" -r 500 -l "$length" -p 5 -u "$url$path" \
		"$@" >"$work/attack" 2>&1 &
	attack_pid=$!
	await_attackers "$mode"
	measure "$mode" "$busy"
	await_eviction "$mode"
	figure "$mode-evicted-in-seconds" $((SECONDS - began))
	kill "$attack_pid" 2>/dev/null || :
	wait "$attack_pid" || :
	figure "$mode-available" "$(available)"
	figure "$mode-resident-kib" "$(resident_kib)"
	if [ "$(available)" != YES ]; then
		fail "$mode: the service was not available"
	fi
}

need slowhttptest
need wrk
work=$(mktemp -d)
trap stop EXIT
trap 'exit 1' HUP INT TERM
ulimit -n 4096
if [ -z "$server" ]; then
	build_server
fi
start_server
idle_descriptors=$(descriptors)
figure connections "$connections"
figure before-resident-kib "$(resident_kib)"
measure before "$quiet"
attack headers /hello.txt -H -i 1 -x 24
attack body /upload -B -i 1 -x 4 -s 8192
attack read /big -X -n 1 -w 512 -y 1024 -z 32
if [ "$failures" != 0 ]; then
	exit 1
fi
