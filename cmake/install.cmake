# SPDX-License-Identifier: BSD-3-Clause
# What `cmake --install` puts where: headers, both libraries, and how to find
# them through pkg-config or find_package(evchat).  Everything in there is
# relative, so that the whole may be moved afterwards.
#
# Three components, as in Debian's packages: what a program runs with, what it
# runs with when evchat_dns is used, what it is compiled with.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS evchat evchat_static
  EXPORT evchat-targets
  LIBRARY COMPONENT evchat_runtime NAMELINK_COMPONENT evchat_dev
  ARCHIVE COMPONENT evchat_dev
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS evchat_dns evchat_dns_static
  EXPORT evchat-targets
  LIBRARY COMPONENT evchat_dns NAMELINK_COMPONENT evchat_dev
  ARCHIVE COMPONENT evchat_dev)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/evchat
  ${PROJECT_BINARY_DIR}/include/evchat
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT evchat_dev
  FILES_MATCHING PATTERN *.h)

# A folder that is absolute takes the prefix's place.
cmake_path(APPEND pc_includedir "\${prefix}" ${CMAKE_INSTALL_INCLUDEDIR})
cmake_path(APPEND pc_libdir "\${prefix}" ${CMAKE_INSTALL_LIBDIR})
file(RELATIVE_PATH pc_to_prefix
  ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" pc_to_prefix ${pc_to_prefix})
foreach(module evchat evchat_dns)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/${module}.pc.in
    ${PROJECT_BINARY_DIR}/${module}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${module}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
    COMPONENT evchat_dev)
endforeach()

# As long as it is 0.x, a minor version may change everything.
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/evchat)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/evchat-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/evchat-config.cmake
  ${PROJECT_BINARY_DIR}/evchat-config-version.cmake
  DESTINATION ${package_dir}
  COMPONENT evchat_dev)
install(EXPORT evchat-targets
  NAMESPACE evchat::
  DESTINATION ${package_dir}
  COMPONENT evchat_dev)
