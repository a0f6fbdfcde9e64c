#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Draw the pictures: NAME.dot becomes NAME.svg, readable on light and on dark.
#
#	sh docs/pictures/draw.sh		draw those that have changed
#	sh docs/pictures/draw.sh --check	1 if one of them has
#
# An SVG says which text it was drawn from, as two versions of graphviz do not
# draw the same.
set -eu
cd "$(dirname -- "$0")"

# What a picture is drawn from: its own text, the style, this script.
mark() {
	printf '<!-- drawn from %s, cksum %s -->\n' "$1" \
		"$(cat "$1" draw.sh style.css | cksum | tr ' ' '-')"
}

# Everything that is the same in all of them; the colours come from the style.
draw() {
	mark "$1"
	dot -Tsvg -Gbgcolor=transparent -Gpad=0.1 \
		-Nshape=box -Nstyle='filled,rounded' -Npenwidth=0 \
		-Nmargin=0.16,0.09 -Nfontname=Helvetica -Nfontsize=12 \
		-Efontname=Helvetica -Efontsize=11 -Earrowsize=0.7 "$1" |
		awk -v style=style.css '
		/^<!--/ { skipping = 1 }
		!skipping && !/^<\?xml|^<!DOCTYPE|^ "http/ { print }
		/-->$/ { skipping = 0 }
		/^ viewBox/ {
			print "<style>"
			while ((getline line < style) > 0)
				print line
			print "</style>"
		}'
}

status=0
for text in *.dot; do
	picture=${text%.dot}.svg
	if [ "$(head -n 1 "$picture" 2>/dev/null)" = "$(mark "$text")" ]; then
		continue
	fi
	if [ "${1-}" = --check ]; then
		echo "docs/pictures/$picture is not drawn from $text as it is" >&2
		status=1
	else
		draw "$text" >"$picture.new"
		mv "$picture.new" "$picture"
	fi
done
exit $status
