# SPDX-License-Identifier: BSD-3-Clause
# Debian packages, one a component:
#
#   libevchat0        libevchat.so.0
#   libevchat-dns0    libevchat_dns.so.0, so that who looks no names up needs
#                     no libevent_extra
#   libevchat-dev     headers, both static libraries, pkg-config, CMake
#
# Made by `cmake --preset package && cmake --build --preset package`.  Whoever
# gives them to others says who he is:
# cpack -G DEB -D CPACK_PACKAGE_CONTACT="A Name <name@host>".
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME evchat)
# No such host will ever be: RFC 2606.
set(CPACK_PACKAGE_CONTACT "The evchat authors <evchat@evchat.invalid>")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE
  GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_COMPONENTS_ALL evchat_runtime evchat_dns evchat_dev)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SOURCE evchat)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
# Looked at by CMake from 3.31 on.
set(CPACK_DEBIAN_PACKAGE_MULTIARCH same)
set(own_version "${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}")
# Each package says itself what it is, before what all of them say.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
string(CONCAT about
  "evchat cuts what comes in on libevent's bufferevents at terminators and\n"
  "hands it to callbacks, and sends what a queue of producers makes: Python's\n"
  "asynchat for C, with limits, deadlines and back-pressure.\n\n")

set(CPACK_DEBIAN_EVCHAT_RUNTIME_PACKAGE_NAME libevchat${EVCHAT_SOVERSION})
set(CPACK_DEBIAN_EVCHAT_RUNTIME_PACKAGE_SHLIBDEPS ON)
string(CONCAT CPACK_DEBIAN_EVCHAT_RUNTIME_DESCRIPTION
  "line and frame protocols on libevent, shared library\n"
  "${about}This is what programs run with.")

# Debian's way (policy 8.1.1); cpack adds the scripts that it replaces.
set(triggers ${PROJECT_SOURCE_DIR}/cmake/debian/triggers)
set(CPACK_DEBIAN_EVCHAT_RUNTIME_PACKAGE_CONTROL_EXTRA ${triggers})
set(CPACK_DEBIAN_EVCHAT_DNS_PACKAGE_CONTROL_EXTRA ${triggers})

set(CPACK_DEBIAN_EVCHAT_DNS_PACKAGE_NAME libevchat-dns${EVCHAT_SOVERSION})
set(CPACK_DEBIAN_EVCHAT_DNS_PACKAGE_SHLIBDEPS ON)
# Where it is before it has a package.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/lib)
set(CPACK_DEBIAN_EVCHAT_DNS_PACKAGE_DEPENDS
  "${CPACK_DEBIAN_EVCHAT_RUNTIME_PACKAGE_NAME} (= ${own_version})")
string(CONCAT CPACK_DEBIAN_EVCHAT_DNS_DESCRIPTION
  "host names for evchat, shared library\n"
  "${about}This looks names up, with libevent's evdns.")

set(CPACK_DEBIAN_EVCHAT_DEV_PACKAGE_NAME libevchat-dev)
set(CPACK_DEBIAN_EVCHAT_DEV_PACKAGE_SECTION libdevel)
string(CONCAT CPACK_DEBIAN_EVCHAT_DEV_PACKAGE_DEPENDS
  "${CPACK_DEBIAN_EVCHAT_RUNTIME_PACKAGE_NAME} (= ${own_version}), "
  "${CPACK_DEBIAN_EVCHAT_DNS_PACKAGE_NAME} (= ${own_version}), "
  "libevent-dev (>= 2.1)")
string(CONCAT CPACK_DEBIAN_EVCHAT_DEV_DESCRIPTION
  "line and frame protocols on libevent, development files\n"
  "${about}This is what programs are compiled with.")

# The papers that Debian wants in each package, and nobody else.
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/debian/docs.cmake)
set(CPACK_EVCHAT_SOURCE_DIR ${PROJECT_SOURCE_DIR})
set(CPACK_EVCHAT_VERSION ${own_version})
include(CPack)
