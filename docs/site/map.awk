# SPDX-License-Identifier: BSD-3-Clause
# error.h as Doxygen is to see it: the enums that the maps of it make, each
# name with the text that is its description.

# The texts of a row, without the X( and what ends it.
function fields(row) {
	sub(/^[ \t]*X\(/, "", row)
	sub(/\)[ \t]*\\?$/, "", row)
	return row
}

/^#define EVCHAT_[A-Z]+_MAP/ { n = 0 }

/^[ \t]*X\(/ { rows[n++] = fields($0) }

/^[ \t]*EVCHAT_ERROR_MAP\(/ {
	for (i = 0; i < n; i++) {
		split(rows[i], part, /, */)
		text = rows[i]
		sub(/^[^"]*"/, "", text)
		sub(/"$/, "", text)
		printf "EVCHAT_ERR_%s = %s, /**< %s; errno is %s */\n", part[1],
		    part[2], text, part[3]
	}
	next
}

/^[ \t]*EVCHAT_REASON_MAP\(/ {
	for (i = 0; i < n; i++) {
		split(rows[i], part, /, */)
		text = rows[i]
		sub(/^[^"]*"/, "", text)
		sub(/"$/, "", text)
		printf "EVCHAT_REASON_%s, /**< %s */\n", part[1], text
	}
	next
}

# What only makes the enums.
/^#(define|undef) EVCHAT_(ERROR|REASON)_ENUM/ { next }

{ print }
