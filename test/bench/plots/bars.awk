# SPDX-License-Identifier: BSD-3-Clause
# One panel of bars.gp: the rows that have this column of this table, the first
# one uppermost, as "name place median minimum maximum is-evchat".

BEGIN { FS = OFS = "\t" }

$1 == table && $3 == column {
	print $2, -(++n), $5, $6, $7, $2 ~ /^evchat/
}
