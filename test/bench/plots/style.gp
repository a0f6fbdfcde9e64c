# SPDX-License-Identifier: BSD-3-Clause
# No background of its own, and greys and colours in the middle between light
# and dark: to be read on a page of either kind.  `width` and `height` are set
# by whoever loads it.
set terminal svg size width, height dynamic noenhanced \
	font 'Helvetica,Arial,sans-serif,12' linewidth 1
ink = '#808080'
own = 0x3b82f6
other = 0xa0a0a0
set border linecolor rgb ink
set tics textcolor rgb ink
set xlabel textcolor rgb ink
set ylabel textcolor rgb ink
set title textcolor rgb ink
set key textcolor rgb ink
set grid linecolor rgb ink linewidth 0.3
