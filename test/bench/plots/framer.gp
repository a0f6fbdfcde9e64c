# SPDX-License-Identifier: BSD-3-Clause
# GB/s of the framer and of other ways to search, by the length of a frame, a
# panel for each terminator.
width = 800
height = 660
load 'style.gp'
array terminators = ['LF', 'CRLF', 'CRLFCRLF', '20_bytes']
array captions = ['LF', 'CRLF', 'CRLF CRLF', '20 bytes']
columns = 'evchat memchr memmem evbuffer_search read'
# From blue to grey; to be told apart without colours by dashes and points.
array colours = [own, 0xd97706, 0x10a37f, 0xc2569b, other]
select(t, c) = sprintf("< awk -v terminator='%s' -v column='%s' " . \
	"-f lines.awk '%s'", terminators[t], word(columns, c), rows)
set datafile separator "\t"
set logscale x 2
set xtics nomirror ('16' 16, '64' 64, '256' 256, '1 Ki' 1024, '4 Ki' 4096, \
	'16 Ki' 16384, '64 Ki' 65536)
set ytics nomirror
set xrange [16:66000]
set yrange [0:*]
set border 3
unset key
set multiplot layout 2, 2 margins 0.06, 0.97, 0.14, 0.93 \
	spacing 0.08, 0.13
do for [t = 1:4] {
	set title sprintf('Frames ended by %s: GB/s by length', captions[t])
	plot for [c = 1:words(columns)] select(t, c) using 1:2 \
		with linespoints linecolor rgb colours[c] dashtype c \
		linewidth (c == 1 ? 2.5 : 1.5) pointtype 7 pointsize 0.35
}
# What each line is, in a panel of its own, as wide as all.
set margins 0, 0, 0, 0
set origin 0, 0
set size 1, 0.08
unset title
unset border
unset tics
unset grid
unset logscale
set xrange [0:1]
set yrange [0:1]
set key center center horizontal
plot for [c = 1:words(columns)] NaN with lines linecolor rgb colours[c] \
	dashtype c linewidth (c == 1 ? 2.5 : 1.5) title word(columns, c)
unset multiplot
