# SPDX-License-Identifier: BSD-3-Clause
# From "table row column unit value", once for each round, to the rows that the
# programs print: table, row, column, unit, median, minimum, maximum.

{
	cell = $1 "\t" $2 "\t" $3 "\t" $4
	if (!(cell in count))
		cells[++n] = cell
	value[cell, ++count[cell]] = $5 + 0
}

# Sorts the values of a cell by insertion.
function sort(cell,    i, j, kept) {
	for (i = 2; i <= count[cell]; i++) {
		kept = value[cell, i]
		for (j = i; j > 1 && value[cell, j - 1] > kept; j--)
			value[cell, j] = value[cell, j - 1]
		value[cell, j] = kept
	}
}

END {
	for (i = 1; i <= n; i++) {
		cell = cells[i]
		many = count[cell]
		sort(cell)
		median = (value[cell, int((many + 1) / 2)] + \
			value[cell, int(many / 2) + 1]) / 2
		printf "%s\t%.6g\t%.6g\t%.6g\n", cell, median, \
			value[cell, 1], value[cell, many]
	}
}
