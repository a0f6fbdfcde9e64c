# SPDX-License-Identifier: BSD-3-Clause
# What a line costs each server.
table = 'echo'
array columns = ['64x1x32', '16x64x32', '16x4x16384']
array captions = [ \
	'64 connections, request and answer, 32 bytes: ns of CPU for a line', \
	'16 connections, 64 lines of 32 bytes in flight: ns of CPU for a line', \
	'16 connections, 4 lines of 16 KiB in flight: ns of CPU for a line']
load 'bars.gp'
