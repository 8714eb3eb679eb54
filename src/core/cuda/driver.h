// The functions of NVIDIA's driver that launching needs, found in libcuda.so.1 at run time.
#pragma once

#include <cstdint>

namespace diffuse::cuda {

// As cuda.h declares them, handles as opaque pointers. Results are 0 on success.
struct Driver {
  int (*get_attribute)(int* value, int attribute, int device);
  int (*get_device)(int* device, int ordinal);
  int (*error_name)(int result, const char** name);
  int (*current_context)(void** context);
  int (*set_context)(void* context);
  int (*retain_primary)(void** context, int device);
  int (*load_library)(void** library, const void* code, void* options, void* option_values,
                      unsigned option_count, void* library_options, void* library_values,
                      unsigned library_count);
  int (*get_kernel)(void** kernel, void* library, const char* name);
  int (*launch)(void* kernel, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                unsigned block_y, unsigned block_z, unsigned shared_bytes, void* stream,
                void** arguments, void** extra);

  static constexpr int kMultiprocessors = 16, kCapabilityMajor = 75, kCapabilityMinor = 76;
};

// Throws Error if there is no driver, or it is older than CUDA 12.
const Driver& driver();

// An attribute of LibTorch's device `index`. Throws as check_driver.
int64_t device_attribute(int attribute, int index);

// Throws std::runtime_error "WHAT: CUDA_ERROR_..." unless result is 0.
void check_driver(int result, const char* what);

}  // namespace diffuse::cuda
