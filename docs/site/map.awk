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

# "name, value, errno, "text"" or "name, "text"".
function enumerator(prefix, row,    part, text) {
	split(row, part, /, */)
	text = row
	sub(/^[^"]*"/, "", text)
	sub(/"$/, "", text)
	if (prefix == "EVCHAT_ERR_")
		return prefix part[1] " = " part[2] ", /**< " text \
		    "; errno is " part[3] " */"
	return prefix part[1] ", /**< " text " */"
}

/^[ \t]*EVCHAT_(ERROR|REASON)_MAP\(/ {
	for (i = 0; i < n; i++)
		print enumerator(/ERROR/ ? "EVCHAT_ERR_" : "EVCHAT_REASON_",
		    rows[i])
	next
}

# What only makes the enums.
/^#(define|undef) EVCHAT_(ERROR|REASON)_ENUM/ { next }

{ print }
