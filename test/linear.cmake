# SPDX-License-Identifier: BSD-3-Clause
#
# Is the time of framing linear in the bytes?  Counts the instructions that
# linear_probe takes for a series of sizes and fails when twice the bytes take
# more than 2.2 times the instructions.  Instructions, unlike time, are the same
# on a busy machine.
#
#   cmake -DPROBE=linear_probe [-DVALGRIND=valgrind] [-DMODES=...] [-DSIZES=...]
#         -P linear.cmake
#
# SIZES are in MiB, ascending; each pair of which one is twice the other is
# compared.  At least one pair there must be.
cmake_minimum_required(VERSION 3.16)

if(NOT PROBE)
	message(FATAL_ERROR "Say -DPROBE=<the linear_probe program>")
endif()
if(NOT VALGRIND)
	set(VALGRIND valgrind)
endif()
if(NOT MODES)
	set(MODES pieces whole worst worst-whole-run lines many overlapping)
endif()
if(NOT SIZES)
	set(SIZES 1 2 4 8 16)
endif()

# What the probe takes for `size` MiB in this mode.
function(count_instructions mode size result)
	execute_process(
		COMMAND ${VALGRIND} --tool=callgrind --callgrind-out-file=/dev/null
			${PROBE} ${mode} ${size}
		RESULT_VARIABLE status OUTPUT_QUIET ERROR_VARIABLE report)
	if(NOT status EQUAL 0)
		message(FATAL_ERROR "${mode} ${size}: ${status}\n${report}")
	endif()
	if(NOT report MATCHES "Collected : ([0-9]+)")
		message(FATAL_ERROR "${mode} ${size}: no count in\n${report}")
	endif()
	set(${result} ${CMAKE_MATCH_1} PARENT_SCOPE)
endfunction()

set(compared 0)
set(most 0)
set(not_linear "")
foreach(mode IN LISTS MODES)
	set(failures "")
	foreach(size IN LISTS SIZES)
		count_instructions(${mode} ${size} count)
		set(count_${mode}_${size} ${count})
		math(EXPR per_byte "${count} / (${size} * 1048576)")
		set(line "${mode} ${size} MiB: ${count} instructions, ")
		string(APPEND line "${per_byte} a byte")
		math(EXPR odd "${size} % 2")
		math(EXPR half "${size} / 2")
		if(odd EQUAL 0 AND DEFINED count_${mode}_${half})
			set(before ${count_${mode}_${half}})
			math(EXPR percent "${count} * 100 / ${before}")
			math(EXPR compared "${compared} + 1")
			string(APPEND line ", ${percent} % of half the bytes")
			if(percent GREATER most)
				set(most ${percent})
			endif()
			if(percent GREATER 220)
				list(APPEND failures "${mode} at ${size} MiB")
			endif()
		endif()
		message(STATUS "${line}")
		# What is not linear could take for ever on the next size.
		if(failures)
			break()
		endif()
	endforeach()
	list(APPEND not_linear ${failures})
endforeach()

if(not_linear)
	message(FATAL_ERROR "Not linear: ${not_linear}")
endif()
if(compared EQUAL 0)
	message(FATAL_ERROR "SIZES has nothing to compare: ${SIZES}")
endif()
message(STATUS "Linear: ${compared} comparisons")
execute_process(COMMAND ${CMAKE_COMMAND} -E echo
	"figure: linear-comparisons ${compared}\nfigure: linear-most-percent ${most}")
