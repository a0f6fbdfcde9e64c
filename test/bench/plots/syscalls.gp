# SPDX-License-Identifier: BSD-3-Clause
# System calls for a line.
table = 'syscalls'
array columns = ['64x1x32', '16x64x32']
array captions = ['System calls for a line, one in flight', \
	'System calls for a line, 64 in flight']
load 'bars.gp'
