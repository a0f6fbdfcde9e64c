# SPDX-License-Identifier: BSD-3-Clause
# Run by cpack between installing and packing: puts copyright and changelogs
# where Debian's policy wants them in each package (12.5, 12.7), made from
# LICENSE and CHANGELOG.md.  SOURCE_DATE_EPOCH, if set, is the date.

# What belongs into a field, as the control format wants it: indented, and a
# point where a line is empty.
function(indent text result)
  string(STRIP "${text}" text)
  string(REPLACE "\n\n" "\n.\n" text "${text}")
  string(REPLACE "\n" "\n " text "${text}")
  set(${result} " ${text}" PARENT_SCOPE)
endfunction()

function(write_copyright file)
  file(READ ${CPACK_RESOURCE_FILE_LICENSE} license)
  if(NOT license MATCHES "^[^\n]*\n\nCopyright \\(c\\) ([^\n]*)\n(.*)$")
    message(FATAL_ERROR "LICENSE has another form than docs.cmake knows")
  endif()
  set(holders "${CMAKE_MATCH_1}")
  indent("${CMAKE_MATCH_2}" license)
  set(format "https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/")
  file(WRITE ${file} "Format: ${format}\n\nFiles: *\n"
    "Copyright: ${holders}\nLicense: BSD-3-Clause\n${license}\n")
endfunction()

# Twice the same changes are the same bytes: no name or time in them.
function(pack file)
  execute_process(COMMAND gzip -9n ${file} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(write_changelogs directory)
  configure_file(${CPACK_EVCHAT_SOURCE_DIR}/CHANGELOG.md
    ${directory}/changelog COPYONLY)
  string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
  file(WRITE ${directory}/changelog.Debian
    "evchat (${CPACK_EVCHAT_VERSION}) unstable; urgency=medium\n\n"
    "  * As made by cpack; what changed in evchat is in changelog.gz.\n\n"
    " -- ${CPACK_PACKAGE_CONTACT}  ${now}\n")
  pack(${directory}/changelog)
  pack(${directory}/changelog.Debian)
endfunction()

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER CPACK_DEBIAN_${component}_PACKAGE_NAME package)
  set(directory ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component})
  string(APPEND directory ${CPACK_PACKAGING_INSTALL_PREFIX}/share/doc)
  string(APPEND directory /${${package}})
  write_copyright(${directory}/copyright)
  write_changelogs(${directory})
  file(GLOB papers ${directory}/*)
  file(CHMOD ${papers} PERMISSIONS
    OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
endforeach()
