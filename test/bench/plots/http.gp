# SPDX-License-Identifier: BSD-3-Clause
# What a request costs an HTTP server.
table = 'http'
array columns = ['cpu', 'rate']
array captions = ['Microseconds of CPU for a request', 'Requests in a second']
load 'bars.gp'
