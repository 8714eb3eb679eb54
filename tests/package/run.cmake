# run(OUT COMMAND...): what the command prints, in OUT; ends the test where it fails.
function(run out)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE text ERROR_VARIABLE text RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN}\nfailed (${status}):\n${text}")
  endif()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()
