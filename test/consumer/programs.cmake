# SPDX-License-Identifier: BSD-3-Clause
# consumer.c in every language, against both kinds of library, with evchat_dns
# and without.  For whoever has the targets evchat::*, from wherever.
enable_testing()

# evchat_add_consumer(<standard: c11, c17, cxx17> <library>)
function(evchat_add_consumer standard library)
  string(REGEX MATCH "([a-z]+)([0-9]+)" whole ${standard})
  string(TOUPPER ${CMAKE_MATCH_1} language)
  set(name consumer_${standard}_${library})
  # A source has one language in a directory, so each takes a copy.
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}.c)
  configure_file(${CMAKE_CURRENT_FUNCTION_LIST_DIR}/consumer.c ${source}
    COPYONLY)
  set_source_files_properties(${source} PROPERTIES LANGUAGE ${language})
  add_executable(${name} ${source})
  set_target_properties(${name} PROPERTIES
    ${language}_STANDARD ${CMAKE_MATCH_2}
    ${language}_STANDARD_REQUIRED ON
    ${language}_EXTENSIONS OFF)
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wpedantic -Werror)
  target_link_libraries(${name} PRIVATE evchat::${library})
  if(library MATCHES dns)
    target_compile_definitions(${name} PRIVATE CONSUMER_DNS)
  endif()
  add_test(NAME ${name} COMMAND ${name})
endfunction()

foreach(standard c11 c17 cxx17)
  foreach(library evchat evchat_static dns dns_static)
    evchat_add_consumer(${standard} ${library})
  endforeach()
endforeach()
