# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
#
# What figures were measured with, for the scripts that measure.

# fact NAME COMMAND...: what it prints first, or a dash
fact() {
	name=$1
	shift
	printf '| %s | %s |\n' "$name" \
		"$("$@" 2>/dev/null | head -n 1 | grep . || echo -)"
}

cpu_model() {
	sed -n 's/^model name[^:]*: //p' /proc/cpuinfo
}

os_name() {
	sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release
}

compiler() {
	"$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' \
		"$1/CMakeCache.txt")" --version
}

# Without what its builders have added.
kernel() {
	uname -sr | sed 's/-.*//'
}

build_flags() {
	sed -n 's/^CMAKE_C_FLAGS_RELEASE:STRING=//p' "$1/CMakeCache.txt"
}

# describe_machine SOURCE BUILD: a table of what measurements were made with
describe_machine() {
	echo '| | |'
	echo '| --- | --- |'
	fact processor cpu_model
	fact 'processors online' getconf _NPROCESSORS_ONLN
	fact system os_name
	fact kernel kernel
	fact compiler compiler "$2"
	fact flags build_flags "$2"
	fact libevent pkg-config --modversion libevent_core
	fact evchat git -C "$1" describe --always --dirty
	fact measured date -u +%Y-%m-%d
}
