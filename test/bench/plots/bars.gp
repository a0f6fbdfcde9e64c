# SPDX-License-Identifier: BSD-3-Clause
# Bars that lie, with a line from minimum to maximum, evchat's in its own
# colour.  A panel for each of `columns` of `table`, in `rows`; `captions` says
# what it shows.  Each panel has its own scale; that of the panel numbered
# `logarithmic`, if any, is a logarithmic one, for figures that are far apart.
if (!exists('logarithmic')) {
	logarithmic = 0
}
panels = |columns|
bar = 0.36
select(i) = sprintf("< awk -v table='%s' -v column='%s' -f bars.awk '%s'", \
	table, columns[i], rows)
set datafile separator "\t"

# How many bars there are, and how long the longest one is.
array longest[panels]
array start[panels]
most = 0
do for [i = 1:panels] {
	stats select(i) using 5 nooutput
	longest[i] = STATS_max * 1.15
	start[i] = 0
	if (i == logarithmic) {
		longest[i] = STATS_max * 1.8
		start[i] = STATS_min / 2
	}
	if (STATS_records > most) {
		most = STATS_records
	}
}
width = 800
height = panels * (26 * most + 64)
load 'style.gp'
unset key
unset ytics
set border 1
set tics nomirror
set grid noytics xtics
# Half of the page shines through, so that the lines are seen on the bars.
set style fill transparent solid 0.5 noborder
set lmargin at screen 0.2
set rmargin at screen 0.97
set multiplot layout panels, 1
do for [i = 1:panels] {
	set title captions[i]
	# Room for the figure at the end of the longest bar.
	unset logscale
	set xrange [start[i]:longest[i]]
	if (i == logarithmic) {
		set logscale x
	}
	set ytics scale 0
	plot select(i) using (start[i]):2:(start[i]):3:($2 - bar):($2 + bar): \
			($6 > 0 ? own : other):ytic(1) \
			with boxxyerror linecolor rgb variable, \
		'' using 3:2:4:5 with xerrorbars \
			linecolor rgb ink linewidth 1.5 pointtype 0, \
		'' using 5:2:(sprintf($3 < 1000 ? '  %.4g' : '  %.0f', $3)) \
			with labels left textcolor rgb ink
}
unset multiplot
