#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Run what the pages tell people to type, as it stands there; commands.skip says
# what is not run and why.
#
#	bash test/commands.sh [PAGE...]		README.md, CONTRIBUTING.md and
#						docs/guide.md by default
#
# The guide begins in an empty directory with the source in `evchat`, the other
# pages in the source itself.  Nothing is written to the home directory.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Ports are the page's own: they are free where there is nobody else.
if [ -z "${EVCHAT_ALONE-}" ] &&
	unshare --map-root-user --net ip link set lo up 2>/dev/null; then
	export EVCHAT_ALONE=1
	exec unshare --map-root-user --net bash -c \
		'ip link set lo up; exec bash "$@"' - "$0" "$@"
fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# For the pages' scripts: until something listens at a port.
await() {
	until (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
		kill -0 $! || return
		sleep 0.1
	done
}
export -f await

# Where a page's commands are typed.
place() {
	if [ "$1" != docs/guide.md ]; then
		echo "$top"
		return
	fi
	mkdir "$tmp/guide"
	ln -s "$top" "$tmp/guide/evchat"
	echo "$tmp/guide"
}

run_page() {
	local writes=0

	echo "== $1"
	[ "$1" != docs/guide.md ] || writes=1
	awk -v page="$1" -v writes=$writes -f "$top/test/commands.awk" \
		"$top/test/commands.skip" "$top/$1" >"$tmp/script"
	(cd "$(place "$1")" && HOME=$tmp/home bash -eu -o pipefail -x "$tmp/script")
}

if [ $# = 0 ]; then
	set -- README.md CONTRIBUTING.md docs/guide.md
fi
for page; do
	run_page "$page"
done
