# SPDX-License-Identifier: BSD-3-Clause
# From the tables that the yardstick's run_echo.py prints to rows: its first
# column is the server, its fourth "median (minimum-maximum)" in ns a line.
# Servers without a name here are variants that say nothing new.

BEGIN {
	FS = " *[|] *"
	OFS = "\t"
	split("a readln b bufferevent b4 bufferevent_eager c epoll e asio " \
		"e2 asio_batch f libuv g go h asynchat i asyncio j twisted " \
		"k netty ev evchat", words, " ")
	for (i = 1; i in words; i += 2)
		names[words[i]] = words[i + 1]
}

/^### / {
	split($0, words, " ")
	point = words[3] "x" words[4] "x" words[5]
	gsub(/[CDL]=/, "", point)
}

$2 in names && $5 ~ /^[0-9]+ \([0-9]+-[0-9]+\)$/ {
	split($5, figures, /[^0-9]+/)
	print "peers", names[$2], point, "ns/line", figures[1], figures[2], figures[3]
}
