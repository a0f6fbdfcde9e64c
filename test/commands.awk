# SPDX-License-Identifier: BSD-3-Clause
# A page as a script: its shell blocks as they stand; and, if `writes` is set,
# the files that it says to write, which are the whole programs in it.
#
# awk -v page=PAGE -v writes=1 -f commands.awk commands.skip PAGE
#
# What a page starts in the background is given time to listen, as a person
# would; the port stands in that line.  A line to skip that is not there any
# more is an error.

BEGIN { print "trap 'kill $(jobs -p) 2>/dev/null || :' EXIT" }

function trim(text) {
	gsub(/^ +| +$/, "", text)
	return text
}

function basename(path) {
	sub(/.*\//, "", path)
	return path
}

# The last but one field of a line may hold bars itself.
function take_skip(line,    last) {
	sub(/^[^|]*\| /, "", line)
	for (last = length(line); substr(line, last, 3) != " | "; last--)
		;
	skip[substr(line, 1, last - 1)] = trim(substr(line, last + 2))
}

function command(line) {
	if (line in skip) {
		seen[line] = 1
		printf "echo 'not run: %s' >&2\n", skip[line]
		return
	}
	print line
	if (line ~ / &$/ && match(line, /:[0-9]+/))
		print "await " substr(line, RSTART + 1, RLENGTH - 1)
}

NR == FNR {
	if (!/^#/ && trim(substr($0, 1, index($0, "|") - 1)) == page)
		take_skip($0)
	next
}

$1 == "<!--" && $2 == "begin" { file = $3 }
$1 == "<!--" && $2 == "end" { file = "" }

/^```$/ {
	if (writing)
		print "END"
	writing = running = 0
	next
}
/^```/ {
	running = $0 == "```sh"
	writing = writes && !running && file ~ /\.[ch]$|CMakeLists\.txt$/
	if (writing)
		print "cat >" basename(file) " <<'END'"
	next
}

writing { print }
running { command($0) }

END {
	for (line in skip)
		if (!(line in seen)) {
			print page ": not there any more: " line >"/dev/stderr"
			exit 1
		}
}
