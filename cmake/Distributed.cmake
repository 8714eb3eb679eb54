# What the distributed room needs besides LibTorch.
#
# Gloo is inside libtorch_cpu, its headers are not: the system's declare what c10d's header names.
find_path(GLOO_INCLUDE_DIR gloo/rendezvous/store.h)
mark_as_advanced(GLOO_INCLUDE_DIR)
if(NOT GLOO_INCLUDE_DIR)
  message(FATAL_ERROR "No gloo headers: install libgloo-dev, or run scripts/setup.sh")
endif()

# libdiffuse_nccl.so, loaded by libdiffuse where there is a GPU: only with a CUDA LibTorch, whose
# wheels bring the CUDA and NCCL headers too.
file(GLOB _cuda_include "${LibTorch_HOME}/../nvidia/cu*/include")
find_path(NCCL_INCLUDE_DIR nccl.h HINTS "${LibTorch_HOME}/../nvidia/nccl/include")
find_path(CUDA_INCLUDE_DIR cuda_runtime_api.h
          HINTS ${_cuda_include} "${LibTorch_HOME}/../nvidia/cuda_runtime/include"
          PATHS /usr/local/cuda/include)
mark_as_advanced(NCCL_INCLUDE_DIR CUDA_INCLUDE_DIR)
set(_torch_cuda "${LibTorch_LIBRARY_DIR}/libtorch_cuda.so")
if(EXISTS "${_torch_cuda}" AND NCCL_INCLUDE_DIR AND CUDA_INCLUDE_DIR)
  add_library(diffuse_nccl MODULE src/distributed/nccl_plugin.cpp)
  target_include_directories(diffuse_nccl PRIVATE "${PROJECT_SOURCE_DIR}")
  target_include_directories(diffuse_nccl SYSTEM PRIVATE "${NCCL_INCLUDE_DIR}" "${CUDA_INCLUDE_DIR}")
  # libtorch_cuda is loaded already when this is.
  target_link_libraries(diffuse_nccl PRIVATE LibTorch::LibTorch diffuse_compiler)
endif()
