# SPDX-License-Identifier: BSD-3-Clause
# find_package(evchat): the targets evchat::evchat and evchat::dns, and both
# with _static behind their names.
include(CMakeFindDependencyMacro)
find_dependency(PkgConfig)
find_dependency(Threads)
# Debian has no CMake package for libevent.  Without it evchat is not found,
# which whoever asked may take as he likes.
foreach(module core extra)
  string(TOUPPER EVCHAT_LIBEVENT_${module} evchat_needs)
  pkg_check_modules(${evchat_needs} QUIET IMPORTED_TARGET GLOBAL
    libevent_${module}>=2.1)
  if(NOT ${evchat_needs}_FOUND)
    set(evchat_FOUND FALSE)
    set(evchat_NOT_FOUND_MESSAGE "pkg-config knows no libevent_${module} >= 2.1")
    return()
  endif()
endforeach()
unset(evchat_needs)
include(${CMAKE_CURRENT_LIST_DIR}/evchat-targets.cmake)
