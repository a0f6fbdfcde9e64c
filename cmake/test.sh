#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Install what is missing, build evchat, run its tests: sh cmake/test.sh
set -eu
# shellcheck source=cmake/setup.sh
. "$(dirname -- "$0")/setup.sh"

require cmake compiler make pkg-config libevent check
configure ON
build
ctest --test-dir "$build" -L fast --output-on-failure -j "$jobs"
