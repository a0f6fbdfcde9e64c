# SPDX-License-Identifier: BSD-3-Clause
# One line of framer.gp: the rows "TERMINATOR_LENGTH" of this terminator, in
# this column, as "length median".

BEGIN { FS = OFS = "\t" }

$1 == "framer" && $3 == column && $4 == "GB/s" &&
index($2, terminator "_") == 1 {
	len = substr($2, length(terminator) + 2)
	if (len ~ /^[0-9]+$/)
		print len, $5
}
