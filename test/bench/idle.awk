# SPDX-License-Identifier: BSD-3-Clause
# From what idle_probe prints to rows.

function row(column, value) {
	print "idle", name, column, "bytes", value, value, value
}

BEGIN {
	FS = ": "
	OFS = "\t"
}

{
	name = $1
	sub(/^bare /, "", name)
	sub(/ with an idle deadline$/, "_deadline", name)
}

$2 ~ /bytes of heap/ {
	split($2, words, " ")
	row("heap", words[1])
	row("resident", words[5])
}

$2 ~ /its own$/ {
	split($2, words, " ")
	row("own", words[1])
}
