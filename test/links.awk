# SPDX-License-Identifier: BSD-3-Clause
# What pages link to, and what they can be linked at, one a line:
#
#	link PAGE TARGET
#	anchor PAGE#NAME
#
# awk -f ../docs/site/slug.awk -f links.awk PAGE...   (.md or .html)

function links(line, start, end,    target) {
	while (match(line, start)) {
		line = substr(line, RSTART + RLENGTH)
		match(line, end)
		target = substr(line, 1, RSTART - 1)
		print "link", FILENAME, target
	}
}

function anchors(line) {
	while (match(line, / (id|name)="/)) {
		line = substr(line, RSTART + RLENGTH)
		match(line, /"/)
		print "anchor", FILENAME "#" substr(line, 1, RSTART - 1)
	}
}

FNR == 1 {
	fenced = 0
	markdown = FILENAME ~ /\.md$/
}

!markdown {
	links($0, " (href|src)=\"", "\"")
	anchors($0)
	next
}

/^```/ { fenced = !fenced }
fenced { next }

/^#+ / {
	title = $0
	sub(/^#+ /, "", title)
	print "anchor", FILENAME "#" slug(title)
}

{ links($0, "\\]\\(", "[) ]") }
