# SPDX-License-Identifier: BSD-3-Clause
# What connections cost on which nothing happens, beside busy ones.
table = 'echo_sparse'
array columns = ['8_busy', '8_busy_2000_idle']
array captions = ['8 busy connections: ns of CPU for a line', \
	'8 busy and 2,000 idle connections: ns of CPU for a line']
load 'bars.gp'
