# SPDX-License-Identifier: BSD-3-Clause
# What a connection costs on which nothing happens.
table = 'idle'
array columns = ['heap', 'resident']
array captions = ['Bytes of heap for a connection', \
	'Bytes resident for a connection']
load 'bars.gp'
