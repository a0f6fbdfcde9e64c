# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
#
# What demo.sh, test.sh and CI have in common.  To be sourced by a script that
# lies one directory below the top:
#
#	require THING...	install what is missing, or say so and exit 1
#	configure ON|OFF	make build/release ready, with the tests or without
#	build [TARGET...]	compile it
#
# $top is the source, $build the build directory, $jobs the number of cores.

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=$top/build/release
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# The things there are, and what each is called by the package managers.
things() {
	cat <<-'END'
	missing    Debian,Ubuntu Fedora         Alpine       Homebrew FreeBSD
	cmake      cmake         cmake          cmake        cmake    cmake
	compiler   gcc,libc6-dev gcc            gcc,musl-dev gcc      (base)
	make       make          make           make         make     (base)
	pkg-config pkg-config    pkgconf        pkgconf      pkgconf  pkgconf
	libevent   libevent-dev  libevent-devel libevent-dev libevent libevent
	check      check         check-devel    check-dev    check    check
	curl       curl          curl           curl         curl     curl
	END
}

has() {
	case $1 in
	cmake)
		cmake --version | awk 'NR == 1 { split($3, v, ".") }
			END { exit !(v[1] * 1000 + v[2] >= 3020) }'
		;;
	# A compiler without the C library's headers is none.
	compiler) echo '#include <stdio.h>' | "${CC:-cc}" -E - ;;
	make) command -v ninja || command -v make ;;
	libevent) pkg-config --exists 'libevent_core >= 2.1' ;;
	check) pkg-config --exists 'check >= 0.12' ;;
	*) command -v "$1" ;;
	esac >/dev/null 2>&1
}

# Those of the things that are not there.
missing() {
	for thing; do
		has "$thing" || printf '%s ' "$thing"
	done
}

may_be_root() {
	[ "$(id -u)" = 0 ] && return
	# Somebody must be there to be asked for a password.
	command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# Debian's packages; false where they cannot be installed.
install_packages() {
	command -v apt-get >/dev/null && may_be_root || return
	echo "Installing: $*"
	# One source out of reach need not be the one that is needed.
	as_root apt-get -q update || :
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -qy install --no-install-recommends "$@"
}

debian_names() {
	for thing; do
		things | awk -v thing="$thing" '$1 == thing { print $2 }'
	done | tr , ' '
}

require() {
	lacking=$(missing "$@")
	if [ -n "$lacking" ]; then
		# shellcheck disable=SC2046,SC2086 # lists of words
		install_packages $(debian_names $lacking) || :
		lacking=$(missing "$@")
	fi
	[ -z "$lacking" ] && return
	{
		echo
		echo "These are needed and cannot be installed from here"
		echo "(cmake from 3.20, libevent from 2.1).  Their packages:"
		echo
		for thing in missing $lacking; do
			things | grep "^$thing "
		done
	} >&2
	exit 1
}

# Once configured with tests, it stays so.
configure() {
	tests=$1
	if [ -f "$build/CMakeCache.txt" ]; then
		grep -q '^EVCHAT_BUILD_TESTS:BOOL=ON' "$build/CMakeCache.txt" &&
			tests=ON
		set --
	elif command -v ninja >/dev/null; then
		set -- -G Ninja
	else
		set --
	fi
	cmake -S "$top" -B "$build" "$@" -DCMAKE_BUILD_TYPE=Release \
		"-DEVCHAT_BUILD_TESTS=$tests" -DEVCHAT_BUILD_SAMPLES=ON
}

build() {
	if [ $# -gt 0 ]; then
		set -- --target "$@"
	fi
	cmake --build "$build" --parallel "$jobs" "$@"
}
