#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Put the programs into the pages that show them.  Between
#
#	<!-- begin FILE -->  or  <!-- begin FILE:REGION -->
#	<!-- end ... -->
#
# goes that file, or what it has between the comments [REGION] and [end].
#
#	sh docs/insert.sh		write the pages
#	sh docs/insert.sh --check	1 if one of them is not up to date, or has a
#					block of code that comes from no file
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$top"
pages='README.md docs/guide.md'
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# What a page asks for, a line each.
wanted() {
	sed -n 's/^<!-- begin \(.*\) -->$/\1/p' "$1"
}

# The lines of a region.  What is beside its name in the comment stays.
region() {
	awk -v name="[$2]" '
	$2 == "[end]" { inside = 0 }
	inside { print }
	$2 == name {
		inside = found = 1
		sub(/\[[a-z]*\] /, "")
		if ($2 != "*/")
			print
	}
	END { exit !found }' "$1"
}

language() {
	case $1 in
	*.c | *.h) echo c ;;
	*/CMakeLists.txt) echo cmake ;;
	*) echo text ;;
	esac
}

# make FILE[:REGION]: the block for it
make_block() {
	file=${1%%:*}
	mkdir -p "$tmp/$(dirname "$1")"
	{
		printf '```%s\n' "$(language "$file")"
		case $1 in
		*:*) region "$file" "${1#*:}" ;;
		*) cat "$file" ;;
		esac
		echo '```'
	} >"$tmp/$1.md"
}

# Shell blocks are for test/commands.sh; any other must lie between marks.
loose_blocks() {
	awk '
	/^<!-- begin / { marked = 1 }
	/^<!-- end / { marked = 0 }
	/^```./ && !marked && $0 != "```sh" {
		print FILENAME ":" FNR ": a block that comes from no file"
		found = 1
	}
	END { exit found }' "$1"
}

status=0
for page in $pages; do
	for name in $(wanted "$page"); do
		make_block "$name"
	done
	awk -v directory="$tmp" -f test/bench/insert.awk "$page" >"$tmp/page"
	if [ "${1-}" != --check ]; then
		cat "$tmp/page" >"$page"
		continue
	fi
	loose_blocks "$page" || status=1
	diff -u "$page" "$tmp/page" || {
		echo "$page is not up to date: sh docs/insert.sh" >&2
		status=1
	}
done
exit $status
