# SPDX-License-Identifier: BSD-3-Clause
# What a long stream costs its sender.
table = 'output'
array columns = ['cpu']
array captions = ['Seconds of CPU to send a GB']
load 'bars.gp'
