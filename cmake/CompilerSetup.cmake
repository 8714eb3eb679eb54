# diffuse_compiler: warnings, sanitizers and the linker for our own targets, never exported.
add_library(diffuse_compiler INTERFACE)
target_compile_options(diffuse_compiler INTERFACE -Wall -Wextra -Wpedantic)
# Functions of the shared library are inlined into one another: nothing replaces them when it is loaded.
target_compile_options(diffuse_compiler INTERFACE -fno-semantic-interposition)
# GCC may leave the cold part of a function empty; lld then drops the unwind entry of the function that
# begins at the same address, and an exception thrown there ends the program.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(diffuse_compiler INTERFACE -fno-reorder-blocks-and-partition)
endif()
# Words are written as words: nlohmann_json would write an enum as its number.
target_compile_definitions(diffuse_compiler INTERFACE JSON_DISABLE_ENUM_SERIALIZATION=1)
if(DIFFUSE_WERROR)
  target_compile_options(diffuse_compiler INTERFACE -Werror)
endif()

if(DIFFUSE_SANITIZE)
  set(sanitizers -fsanitize=${DIFFUSE_SANITIZE} -fno-sanitize-recover=undefined)
  target_compile_options(diffuse_compiler INTERFACE ${sanitizers} -fno-omit-frame-pointer)
  target_link_options(diffuse_compiler INTERFACE ${sanitizers})
endif()

if(DIFFUSE_FUZZ)
  target_compile_options(diffuse_compiler INTERFACE -fsanitize=fuzzer-no-link)
endif()

# ccache, and a linker faster than GNU ld, where they are installed.
find_program(DIFFUSE_CCACHE ccache)
if(DIFFUSE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${DIFFUSE_CCACHE}")
endif()
find_program(DIFFUSE_LINKER NAMES ld.lld ld.gold)
if(DIFFUSE_LINKER MATCHES "ld\\.(lld|gold)$")
  target_link_options(diffuse_compiler INTERFACE -fuse-ld=${CMAKE_MATCH_1})
endif()
mark_as_advanced(DIFFUSE_CCACHE DIFFUSE_LINKER)

# precompile(TARGET [HEADER...]): LibTorch's headers that most files include, and the given ones.
function(precompile target)
  if(DIFFUSE_PCH)
    target_precompile_headers(${target} PRIVATE <ATen/ATen.h> <torch/nn/module.h> ${ARGN})
  endif()
endfunction()

# compile_together(TARGET SOURCE...): the files of a folder in groups of at most 16, so that what they include is
# read once a group. Helpers of one folder therefore need names of their own.
function(compile_together target)
  if(NOT DIFFUSE_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  set(folders "")
  foreach(source ${ARGN})
    get_filename_component(folder ${source} DIRECTORY)
    get_filename_component(folder ${folder} NAME)
    list(APPEND folders ${folder})
    list(APPEND in_${folder} ${source})
  endforeach()
  list(REMOVE_DUPLICATES folders)
  foreach(folder ${folders})
    list(LENGTH in_${folder} count)
    math(EXPR groups "(${count} + 15) / 16")
    set(number 0)
    foreach(source ${in_${folder}})
      math(EXPR group "${number} * ${groups} / ${count}")
      math(EXPR number "${number} + 1")
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${folder}${group})
    endforeach()
  endforeach()
endfunction()
