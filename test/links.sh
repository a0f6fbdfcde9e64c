#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Does every link within the pages lead somewhere?  Those to other places are
# not looked at.
#
#	sh test/links.sh		the pages in the tree
#	sh test/links.sh DIRECTORY	the site that was built there
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

pages() {
	if [ $# = 0 ]; then
		find "$top" -maxdepth 1 -name '*.md'
		find "$top/docs" -name '*.md'
	else
		find "$1" -name '*.html'
	fi
}

# From "link PAGE TARGET" to PAGE and the file it means, with its anchor.
resolve() {
	awk '$1 == "link" && $3 !~ /^(https?|mailto):/ {
		file = anchor = $3
		sub(/#.*/, "", file)
		if (!sub(/^[^#]*#/, "#", anchor))
			anchor = ""
		directory = $2
		sub(/[^\/]*$/, "", directory)
		print $2, (file == "" ? $2 : directory file) anchor
	}' "$1" | sort -u
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
pages "$@" | sort >"$tmp/pages"
xargs awk -f "$top/docs/site/slug.awk" -f "$top/test/links.awk" \
	<"$tmp/pages" >"$tmp/found"
resolve "$tmp/found" >"$tmp/links"
[ -s "$tmp/links" ]

sed 's/^[^ ]* //; s/#.*//' "$tmp/links" | xargs realpath -m |
	paste -d ' ' "$tmp/links" - >"$tmp/resolved"

missing_files() {
	while read -r page target file; do
		[ -e "$file" ] || echo "$page: no such file: $target"
	done <"$tmp/resolved"
}

missing_anchors() {
	awk 'NR == FNR {
		if ($1 == "anchor")
			known[$2] = 1
		next
	}
	index($2, "#") {
		anchor = $2
		sub(/^[^#]*/, "", anchor)
		if (!($3 anchor in known))
			print $1 ": no such anchor: " $2
	}' "$tmp/found" "$tmp/resolved"
}

{
	missing_files
	missing_anchors
} >"$tmp/missing"
cat "$tmp/missing" >&2
echo "$(wc -l <"$tmp/links") links in $(wc -l <"$tmp/pages") pages"
[ ! -s "$tmp/missing" ]
