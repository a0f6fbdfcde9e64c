#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Build evchat's HTTP server, ask it with curl, show what comes back:
#
#	sh cmake/demo.sh		a table, in under a minute
#	sh cmake/demo.sh --serve	the server itself, for a browser
#
# Installs what is missing.  Ends with 1 if an answer is not the right one.
set -eu
# shellcheck source=cmake/setup.sh
. "$(dirname -- "$0")/setup.sh"

server=$build/samples/http_server
root=$top/samples/www
GiB=1073741824
peak_limit_kB=16384
failures=0

serve() {
	echo "Stop it with Ctrl-C."
	"$server" -r "$root" -p 8080 && exit
	echo "Any other port will do."
	exec "$server" -r "$root" -p 0
}

start() {
	tmp=$(mktemp -d)
	"$server" -r "$root" -p 0 >"$tmp/address" &
	pid=$!
	trap stop EXIT
	trap 'exit 1' HUP INT TERM
	while ! grep -q '/$' "$tmp/address"; do
		kill -0 "$pid" || exit 1
		sleep 1
	done
	url=$(sed 's/.* //; s,/$,,' "$tmp/address")
}

stop() {
	status=$?
	trap - EXIT
	kill "$pid" && wait "$pid" || status=1
	rm -rf "$tmp"
	exit "$status"
}

# Ask with curl; prints the seconds it took and the status.
ask() {
	curl -sS --max-time 50 -o "$tmp/body" -w '%{time_total} %{http_code}' \
		"$@" || :
}

# Send the input as it is, until the server closes; prints the seconds it took
# and the statuses of all answers.
ask_raw() {
	curl -sS --max-time 50 -o "$tmp/body" -w '%{time_total}' \
		"telnet${url#http}" || :
	tr -d '\r' <"$tmp/body" | sed -n 's,.*HTTP/1\.1 \([0-9]*\).*, \1,p' |
		tr -d '\n'
}

# The last lines of what came back.
body() {
	tail -n "$1" "$tmp/body" | tr -d '\r' | paste -sd ' ' -
}

byte_by_byte() {
	while [ -n "$1" ]; do
		printf %.1s "$1"
		sleep 0.01
		set -- "${1#?}"
	done
	printf '\r\n\r\n'
}

# WHAT TIME_AND_STATUS TEXT_THAT_CAME EXPECTED
row() {
	came="${2#* } $3"
	printf '%-34s %-46s %6.3f s\n' "$1" "$came" "${2%% *}"
	if [ "$came" != "$4" ]; then
		echo "    that is wrong; expected was: $4"
		failures=$((failures + 1))
	fi
}

peak_memory() {
	peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' \
		"/proc/$pid/status" 2>/dev/null) || :
	[ -n "$peak" ] || return 0
	echo "    the server's memory at its peak, after all this: $peak kB"
	[ "$peak" -le "$peak_limit_kB" ] || failures=$((failures + 1))
}

run_table() {
	printf '%-34s %-46s %8s\n' "What was asked" "What came back" "In"
	hello=$(cat "$root/hello.txt")

	row "A file" "$(ask "$url/hello.txt")" "$(body 1)" "200 $hello"

	took=$(printf 'GET /hello.txt HTTP/1.1\r\nHost: demo\r\n\r\n%s\r\n\r\n' \
		'GET /nothing HTTP/1.0' | ask_raw)
	row "Two requests pipelined (*)" "$took" "$(body 1)" "200 404 404 Not Found"

	took=$(printf 123456789 | ask --data-binary @- "$url/upload")
	row "POST of 9 bytes" "$took" "$(body 2)" "200 crc32 cbf43926 size 9"

	took=$(byte_by_byte 'GET /hello.txt HTTP/1.0' | ask_raw)
	row "A request byte by byte (*)" "$took" "$(body 1)" "200 $hello"

	took=$(dd if=/dev/zero bs=65536 count=16384 2>/dev/null |
		ask -X POST -T - "$url/upload")
	row "POST of 1 GiB in chunks" "$took" "$(body 2)" \
		"200 crc32 5b64c2b0 size $GiB"

	took=$(curl -sS --max-time 50 --limit-rate 200M -o /dev/null \
		-w '%{time_total} %{http_code} %{size_download}' \
		"$url/chunked?n=$GiB") || :
	row "1 GiB in chunks, 200 MB a second" "$took" bytes "200 $GiB bytes"
	peak_memory

	took=$(ask -H "X-Long: $(awk 'BEGIN { while (i++ < 20000) printf "a" }')" \
		"$url/")
	row "A head of 20,000 bytes" "$took" "$(body 1)" \
		"431 431 Request Header Fields Too Large"
	echo "(*) curl's telnet looks at its input ten times a second"
}

case ${1-} in
'' | --serve) ;;
*)
	echo "usage: sh cmake/demo.sh [--serve]" >&2
	exit 2
	;;
esac
require cmake compiler make pkg-config libevent curl
configure OFF
build http_server
if [ "${1-}" = --serve ]; then
	serve
fi
start
echo
run_table
echo
echo "To keep the server and look at it with a browser:"
echo "    sh cmake/demo.sh --serve"
[ "$failures" = 0 ]
