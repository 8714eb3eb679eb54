# Writes the ctest file of a test program: one case ROOM.SUITE for each suite, so that a process starts once a suite.
#   cmake -DPROGRAM=... -DROOM=... -DOUT=... -DFOLDER=... -DLABEL=... -DCOST=... -P list_suites.cmake
execute_process(COMMAND "${PROGRAM}" --gtest_list_tests WORKING_DIRECTORY "${FOLDER}" TIMEOUT 120
                OUTPUT_VARIABLE listed ERROR_VARIABLE said RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} cannot list its tests (${status}):\n${listed}${said}")
endif()

string(REGEX REPLACE "[][;\\]" "," listed "${listed}")  # what lists of CMake do not take as it is
string(REPLACE "\n" ";" lines "${listed}")
# gtest's last lines where every test was skipped and none failed.
set(all_skipped [[\[  PASSED  ] 0 tests\.
(\[  SKIPPED ][^
]*
)+$]])
set(cases "")
foreach(line ${lines})
  if(line MATCHES "^([^ ]+)\\.($| +#)")  # "Suite." or "Suite.  # TypeParam = ..."
    set(suite "${CMAKE_MATCH_1}")
    string(APPEND cases "add_test([[${ROOM}.${suite}]] [[${PROGRAM}]] [[--gtest_filter=${suite}.*]])\n"
           "set_tests_properties([[${ROOM}.${suite}]] PROPERTIES WORKING_DIRECTORY [[${FOLDER}]] TIMEOUT 600 "
           "COST ${COST} LABELS [[${LABEL}]] SKIP_REGULAR_EXPRESSION [==[${all_skipped}]==])\n")
  endif()
endforeach()
if(cases STREQUAL "")
  message(FATAL_ERROR "${PROGRAM} lists no tests:\n${listed}")
endif()
file(WRITE "${OUT}" "${cases}")
