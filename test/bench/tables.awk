# SPDX-License-Identifier: BSD-3-Clause
# A Markdown table of the rows of one table: awk -v table=echo -f tables.awk
# Of those only whose name matches the expression `rows`, and of those the
# columns and units that match `columns` and `units`, where these are given.  A
# cell is the median, with minimum and maximum where they differ.

BEGIN { FS = "\t" }

# Three digits, or all of those before the point.
function number(v,    text, grouped) {
	if (v < 100)
		return sprintf(v >= 10 ? "%.1f" : v >= 1 ? "%.2f" : "%.3f", v)
	text = sprintf("%.0f", v)
	while (length(text) > 3) {
		grouped = "," substr(text, length(text) - 2) grouped
		text = substr(text, 1, length(text) - 3)
	}
	return text grouped
}

function cell_text(median, low, high) {
	if (low == high)
		return number(median)
	return number(median) " (" number(low) " to " number(high) ")"
}

# An expression that is not given matches everything.
$1 == table && $2 ~ rows && $3 ~ columns && $4 ~ units {
	column = $4 == "ratio" ? $3 : $3 ", " $4
	if (!($2 in row_seen)) {
		row_seen[$2]
		row_names[++n_rows] = $2
	}
	if (!(column in column_seen)) {
		column_seen[column]
		column_names[++n_columns] = column
	}
	cell[$2, column] = cell_text($5 + 0, $6 + 0, $7 + 0)
}

# A bar would begin another cell.
function escaped(text) {
	gsub(/[|]/, "\\|", text)
	return text
}

END {
	if (!n_rows)
		exit
	line = "| |"
	rule = "| --- |"
	for (c = 1; c <= n_columns; c++) {
		line = line " " escaped(column_names[c]) " |"
		rule = rule " ---: |"
	}
	print line
	print rule
	for (r = 1; r <= n_rows; r++) {
		line = "| " escaped(row_names[r]) " |"
		for (c = 1; c <= n_columns; c++)
			line = line " " cell[row_names[r], column_names[c]] " |"
		print line
	}
}
