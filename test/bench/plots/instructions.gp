# SPDX-License-Identifier: BSD-3-Clause
# User instructions for a line.
table = 'instructions'
array columns = ['64x1x32', '16x64x32']
array captions = ['Instructions for a line, one in flight', \
	'Instructions for a line, 64 in flight']
load 'bars.gp'
