# What the distributed room needs besides LibTorch.
#
# Gloo is inside libtorch_cpu, its headers are not: the system's declare what c10d's header names.
find_path(GLOO_INCLUDE_DIR gloo/rendezvous/store.h)
mark_as_advanced(GLOO_INCLUDE_DIR)
if(NOT GLOO_INCLUDE_DIR)
  message(FATAL_ERROR "No gloo headers: install libgloo-dev, or run scripts/setup.sh")
endif()

# libdiffuse_nccl.so, loaded by libdiffuse where there is a GPU; the wheels bring the NCCL headers too.
find_path(NCCL_INCLUDE_DIR nccl.h HINTS "${LibTorch_HOME}/../nvidia/nccl/include")
mark_as_advanced(NCCL_INCLUDE_DIR)
if(DIFFUSE_CUDA AND NCCL_INCLUDE_DIR)
  cuda_plugin(diffuse_nccl src/distributed/nccl_plugin.cpp "${NCCL_INCLUDE_DIR}")
endif()
