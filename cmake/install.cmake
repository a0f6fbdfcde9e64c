# SPDX-License-Identifier: BSD-3-Clause
# What `cmake --install` puts where: headers, both libraries, and how to find
# them through pkg-config or find_package(evchat).
include(CMakePackageConfigHelpers)

install(TARGETS evchat evchat_static evchat_dns evchat_dns_static
  EXPORT evchat-targets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/evchat
  ${PROJECT_BINARY_DIR}/include/evchat
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)

# Relative, so that `cmake --install --prefix` is right, too.
file(RELATIVE_PATH pc_to_prefix
  ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
foreach(module evchat evchat_dns)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/${module}.pc.in
    ${PROJECT_BINARY_DIR}/${module}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${module}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/evchat)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/evchat-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/evchat-config.cmake
  ${PROJECT_BINARY_DIR}/evchat-config-version.cmake
  DESTINATION ${package_dir})
install(EXPORT evchat-targets NAMESPACE evchat:: DESTINATION ${package_dir})
