# SPDX-License-Identifier: BSD-3-Clause
# The goals beside what was measured: awk -f table.awk goals.txt *.figures
#
# A goal is a line of goals.txt; figures are lines "figure: NAME VALUE", of
# which the last one of a name counts.

FILENAME ~ /goals.txt$/ {
	if ($0 !~ /^#/ && $0 !~ /^$/)
		goals[++n] = $0
	next
}

$1 == "figure:" {
	name = $2
	sub(/^figure: +[^ ]+ +/, "")
	figures[name] = $0
}

# 1234567 as people read it; what is no whole number stays as it is.
function grouped(value,    out) {
	if (value !~ /^[0-9]+$/)
		return value
	while (length(value) > 3) {
		out = "," substr(value, length(value) - 2) out
		value = substr(value, 1, length(value) - 3)
	}
	return value out
}

# The text with a figure for each {NAME}; empty where one is wanting.
function filled(text,    name, value) {
	while (match(text, /\{[^}]*\}/)) {
		name = substr(text, RSTART + 1, RLENGTH - 2)
		if (!(name in figures))
			return ""
		value = grouped(figures[name])
		text = substr(text, 1, RSTART - 1) value \
			substr(text, RSTART + RLENGTH)
	}
	return text
}

# Is every bound of "NAME>=NUMBER NAME<=NUMBER ..." kept?
function kept(bounds,    list, i, count, part, value) {
	count = split(bounds, list, " ")
	for (i = 1; i <= count; i++) {
		split(list[i], part, /[<>]=/)
		if (!(part[1] in figures))
			return 0
		value = figures[part[1]] + 0
		if (list[i] ~ />=/ ? value < part[2] + 0 : value > part[2] + 0)
			return 0
	}
	return 1
}

END {
	print "| | goal | figure | | measured by | libevent 2.1.12 alone |"
	print "| --- | --- | --- | --- | --- | --- |"
	for (i = 1; i <= n; i++) {
		split(goals[i], g, "|")
		text = filled(g[3])
		g[6] = filled(g[6])
		verdict = !text ? "" : kept(g[4]) ? "reached" : "**missed**"
		if (verdict != "reached")
			missed++
		printf "| %s | %s | %s | %s | %s | %s |\n", g[1], g[2], \
			text ? text : "not measured", verdict, g[5], g[6]
	}
	exit missed > 0
}
