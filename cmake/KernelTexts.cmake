# The GPU kernels' texts, src/**/*.cuh, as strings: generated/kernel_texts.cpp.
file(GLOB_RECURSE kernel_files CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" src/*.cuh)
set(kernel_texts "")
foreach(file ${kernel_files})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${file}")
  file(READ "${PROJECT_SOURCE_DIR}/${file}" text)
  string(APPEND kernel_texts "    {\"${file}\", R\"cuda(${text})cuda\"},\n")
endforeach()
configure_file(src/core/cuda/kernel_texts.cpp.in generated/kernel_texts.cpp @ONLY)
