# SPDX-License-Identifier: BSD-3-Clause
# A page of Markdown as Doxygen is to see it: each heading with the anchor that
# a forge gives it, and links to files in the tree as links within the site.
#
# PAGE.md becomes PAGE.html, a header its page of the manual, a program its page
# among the programs; any other file lies beside the pages under its own name:
#
#	awk -f slug.awk -f page.awk PAGE.md

function basename(path) {
	sub(/.*\//, "", path)
	return path
}

function page(path) {
	path = tolower(basename(path))
	sub(/\.md$/, "", path)
	return path == "readme" ? "index" : path
}

# As Doxygen makes a file's name of a name.
function mangled(name) {
	gsub(/\./, "_8", name)
	return name
}

function target(link,    part) {
	if (link ~ /^[a-z]+:/)
		return link
	split(link, part, "#")
	if (part[1] == "")
		return "#" here "-" part[2]
	if (part[1] ~ /\.md$/)
		return page(part[1]) ".html" \
		    (part[2] == "" ? "" : "#" page(part[1]) "-" part[2])
	if (part[1] ~ /evchat\/[a-z]+\.h$/)
		return mangled(basename(part[1])) ".html"
	if (part[1] ~ /(samples|examples)\/[a-z_]+\.[ch]$/)
		return mangled(basename(part[1])) "-example.html"
	if (part[1] ~ /(samples|examples)\/?$/)
		return "examples.html"
	return basename(part[1])
}

# Every [text](link) outside of `code`; ![text](picture) is one, too.
function relink(line,    out, start, link, text, bang) {
	while (match(line, /!?\[[^]]*\]\([^) ]*\)/)) {
		start = RSTART
		link = substr(line, start, RLENGTH)
		out = out substr(line, 1, start - 1)
		line = substr(line, start + RLENGTH)
		bang = sub(/^!/, "", link)
		text = substr(link, 2, index(link, "](") - 2)
		sub(/^.*\]\(/, "", link)
		sub(/\)$/, "", link)
		if (bang)
			out = out "<img src=\"" basename(link) "\" alt=\"" \
			    text "\">"
		else
			out = out "<a href=\"" target(link) "\">" text "</a>"
	}
	return out line
}

# Doxygen takes a single quote for the end of `code`, but not of ``code``.
function requote(line,    out) {
	while (match(line, /`[^`]*`/)) {
		out = out substr(line, 1, RSTART - 1)
		if (substr(line, RSTART, RLENGTH) ~ /'/)
			out = out "`" substr(line, RSTART, RLENGTH) "`"
		else
			out = out substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
	}
	return out line
}

# Doxygen does not see that **`code`** is bold.
function embolden(line) {
	while (match(line, /\*\*[^*]+\*\*/))
		line = substr(line, 1, RSTART - 1) "<b>" \
		    substr(line, RSTART + 2, RLENGTH - 4) "</b>" \
		    substr(line, RSTART + RLENGTH)
	return line
}

FNR == 1 { here = page(FILENAME) }

/^```/ { fenced = !fenced }
fenced || /^```/ || /^    / {
	sub(/^```text$/, "```{.unparsed}")
	sub(/^```sh$/, "```{.unparsed}")
	print
	next
}

# Marks of docs/insert.sh and others.
/^<!-- .* -->$/ { next }

/^# / && !titled {
	titled = 1
	print (here == "index") ? $0 " {#mainpage}" : $0 " {#" here "}"
	next
}

/^#+ / {
	title = $0
	sub(/^#+ /, "", title)
	print $0 " {#" here "-" slug(title) "}"
	next
}

{ print relink(embolden(requote($0))) }
