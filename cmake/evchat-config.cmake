# SPDX-License-Identifier: BSD-3-Clause
# find_package(evchat): the targets evchat::evchat and evchat::dns, and both
# with _static behind their names.
include(CMakeFindDependencyMacro)
find_dependency(PkgConfig)
find_dependency(Threads)
# Debian has no CMake package for libevent.
pkg_check_modules(LIBEVENT_CORE REQUIRED IMPORTED_TARGET GLOBAL
  libevent_core>=2.1)
pkg_check_modules(LIBEVENT_EXTRA REQUIRED IMPORTED_TARGET GLOBAL
  libevent_extra>=2.1)
include(${CMAKE_CURRENT_LIST_DIR}/evchat-targets.cmake)
