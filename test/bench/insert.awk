# SPDX-License-Identifier: BSD-3-Clause
# Puts DIRECTORY/NAME.md between "<!-- begin NAME -->" and "<!-- end NAME -->"
# of the input, wherever there is such a file; leaves the rest as it is:
# awk -v directory=DIRECTORY -f insert.awk

function copy(file,    line, copied) {
	while ((getline line < file) > 0) {
		print line
		copied = 1
	}
	close(file)
	return copied
}

$1 == "<!--" && $2 == "end" { skipping = 0 }

!skipping { print }

$1 == "<!--" && $2 == "begin" {
	skipping = copy(directory "/" $3 ".md")
}
