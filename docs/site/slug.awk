# SPDX-License-Identifier: BSD-3-Clause
# The anchor that a forge gives a heading.

function slug(title) {
	title = tolower(title)
	gsub(/[^a-z0-9 _-]/, "", title)
	gsub(/ /, "-", title)
	return title
}
