# libdiffuse_cuda.so, loaded by libdiffuse where there is a GPU: CUDA graphs. Only with a CUDA LibTorch, whose
# wheels bring the CUDA headers too; the toolkit's do as well.
file(GLOB _cuda_include "${LibTorch_HOME}/../nvidia/cu*/include")
find_path(CUDA_INCLUDE_DIR cuda_runtime_api.h
          HINTS ${_cuda_include} "${LibTorch_HOME}/../nvidia/cuda_runtime/include"
          PATHS /usr/local/cuda/include)
mark_as_advanced(CUDA_INCLUDE_DIR)

# cuda_plugin(TARGET SOURCE INCLUDE_DIR...): a plugin that uses LibTorch's CUDA library, which is loaded already
# when the plugin is.
function(cuda_plugin target source)
  add_library(${target} MODULE ${source})
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")
  target_include_directories(${target} SYSTEM PRIVATE "${CUDA_INCLUDE_DIR}" ${ARGN})
  target_link_libraries(${target} PRIVATE LibTorch::LibTorch diffuse_compiler)
endfunction()

set(DIFFUSE_CUDA OFF)
if(EXISTS "${LibTorch_LIBRARY_DIR}/libtorch_cuda.so" AND CUDA_INCLUDE_DIR)
  set(DIFFUSE_CUDA ON)
  cuda_plugin(diffuse_cuda src/core/cuda/graph_plugin.cpp)
else()
  message(STATUS "Without CUDA graphs: LibTorch is CPU-only, or cuda_runtime_api.h was not found")
endif()
