# SPDX-License-Identifier: BSD-3-Clause
# The goals beside what was measured: awk -f goals.awk goals.txt *.tsv

FILENAME ~ /goals.txt$/ {
	if ($0 !~ /^#/)
		goals[++n] = $0
	next
}

{
	split($0, f, "\t")
	key = f[1] "|" f[2] "|" f[3] "|" f[4]
	median[key] = f[5]
	spread[key] = sprintf("%.4g to %.4g", f[6], f[7])
}

END {
	print "| | goal | measured | minimum to maximum | |"
	print "| --- | --- | --- | --- | --- |"
	for (i = 1; i <= n; i++) {
		split(goals[i], g, "|")
		key = g[2] "|" g[3] "|" g[4] "|" g[5]
		unit = g[5] == "ratio" ? "" : " " g[5]
		printf "| %s | %s %s%s | ", g[1], g[6] == "<=" ? "≤" : "≥", \
			g[7], unit
		if (!(key in median)) {
			print "not measured | | |"
			continue
		}
		met = g[6] == "<=" ? median[key] + 0 <= g[7] + 0 : \
			median[key] + 0 >= g[7] + 0
		printf "%.4g | %s | %s |\n", median[key], spread[key], \
			met ? "reached" : "**missed**"
	}
}
