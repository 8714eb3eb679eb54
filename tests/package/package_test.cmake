# Installs the build, moves the tree, builds the outside program against it and runs both programs.
#   cmake -DBUILD_DIR=... -DWORK_DIR=... [-DPROGRAM=ON] -P package_test.cmake
include("${CMAKE_CURRENT_LIST_DIR}/run.cmake")

file(REMOVE_RECURSE "${WORK_DIR}")
run(log ${CMAKE_COMMAND} --install "${BUILD_DIR}" --prefix "${WORK_DIR}/first")
file(RENAME "${WORK_DIR}/first" "${WORK_DIR}/moved")
set(moved "${WORK_DIR}/moved")

run(log ${CMAKE_COMMAND} -S "${CMAKE_CURRENT_LIST_DIR}" -B "${WORK_DIR}/build"
    "-Ddiffuse_ROOT=${moved}" -DCMAKE_BUILD_TYPE=Release)
run(log ${CMAKE_COMMAND} --build "${WORK_DIR}/build")
run(printed "${WORK_DIR}/build/outside")
if(NOT printed STREQUAL "4.03583e-05\n")
  message(FATAL_ERROR "the outside program printed '${printed}', not 4.03583e-05")
endif()

if(PROGRAM)
  run(printed "${moved}/bin/diffuse" --version)
  run(libraries ldd "${moved}/bin/diffuse")
  if(NOT libraries MATCHES "=> ${moved}/[^ ]*libdiffuse.so")
    message(FATAL_ERROR "the moved program does not use the moved library:\n${libraries}")
  endif()
endif()
foreach(file share/diffuse/configs include/diffuse/core/version.h)
  if(NOT EXISTS "${moved}/${file}")
    message(FATAL_ERROR "${file} was not installed")
  endif()
endforeach()
file(REMOVE_RECURSE "${WORK_DIR}")
