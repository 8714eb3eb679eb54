// CUDA's driver, as far as this project and LibTorch call it.
#include <cuda.h>
#include <dlfcn.h>
#include <elf.h>

#include <cstdlib>
#include <cstring>
#include <set>
#include <string>

#include "device.h"

namespace diffuse::emulated {

static int succeed() { return 0; }

void* driver_entry(const char* name) {
  void* const found = dlsym(RTLD_DEFAULT, name);
  return found != nullptr ? found : reinterpret_cast<void*>(&succeed);
}

// The names of an ELF file's sections: .text.KERNEL for each kernel.
static std::set<std::string> sections_of(const char* elf) {
  const auto& header = *reinterpret_cast<const Elf64_Ehdr*>(elf);
  const auto* const sections = reinterpret_cast<const Elf64_Shdr*>(elf + header.e_shoff);
  const char* const names = elf + sections[header.e_shstrndx].sh_offset;
  std::set<std::string> found;
  for (int i = 0; i < header.e_shnum; ++i) found.insert(names + sections[i].sh_name);
  return found;
}

}  // namespace diffuse::emulated

using namespace diffuse::emulated;

#undef cuDeviceGetAttribute
#undef cuGetErrorName

extern "C" {

extern const char diffuse_emulated_card = 1;  // by which tests know

CUresult cuInit(unsigned) { return CUDA_SUCCESS; }
// NVRTC looks for its cache there, and does without.
CUresult cuGetExportTable(const void** table, const CUuuid*) {
  *table = nullptr;
  return CUDA_ERROR_NOT_FOUND;
}
CUresult cuDriverGetVersion(int* version) {
  const char* const other = std::getenv("EMULATED_GPU_DRIVER");
  *version = other != nullptr ? std::atoi(other) : 13000;
  return CUDA_SUCCESS;
}
CUresult cuGetErrorName(CUresult, const char** name) {
  *name = "CUDA_ERROR_EMULATED";
  return CUDA_SUCCESS;
}
CUresult cuGetErrorString(CUresult, const char** name) { return cuGetErrorName({}, name); }
CUresult cuDeviceGet(CUdevice* device, int index) {
  *device = index;
  return index < device_count() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}
CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice) {
  *value = attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR ? 9
           : attribute == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT   ? 132
                                                                     : 0;
  return CUDA_SUCCESS;
}
CUresult cuCtxGetCurrent(CUcontext* context) {
  static int primary;
  *context = has_context() ? reinterpret_cast<CUcontext>(&primary) : nullptr;
  return CUDA_SUCCESS;
}
CUresult cuCtxSetCurrent(CUcontext context) {
  has_context() = context != nullptr;
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice) {
  has_context() = true;
  return cuCtxGetCurrent(context);
}
CUresult cuDevicePrimaryCtxGetState(CUdevice, unsigned* flags, int* active) {
  if (flags != nullptr) *flags = 0;
  *active = 1;
  return CUDA_SUCCESS;
}
CUresult cuLibraryLoadData(CUlibrary* library, const void* code, CUjit_option*, void**, unsigned,
                           CUlibraryOption*, void**, unsigned) {
  if (unsafe_call("cuLibraryLoadData") != cudaSuccess) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (std::memcmp(code, "\177ELF", 4) != 0) return CUDA_ERROR_INVALID_IMAGE;
  note("load library");
  *library = reinterpret_cast<CUlibrary>(
      new std::set<std::string>(sections_of(static_cast<const char*>(code))));
  return CUDA_SUCCESS;
}
CUresult cuLibraryGetKernel(CUkernel* kernel, CUlibrary library, const char* name) {
  if (!reinterpret_cast<std::set<std::string>*>(library)->contains(std::string(".text.") + name))
    return CUDA_ERROR_NOT_FOUND;
  *kernel = reinterpret_cast<CUkernel>(new std::string(name));
  return CUDA_SUCCESS;
}
// LibTorch's own kernels that it compiles at run time.
CUresult cuModuleLoadData(CUmodule* module, const void* code) {
  return cuLibraryLoadData(reinterpret_cast<CUlibrary*>(module), code, nullptr, nullptr, 0, nullptr,
                           nullptr, 0);
}
CUresult cuModuleGetFunction(CUfunction* kernel, CUmodule module, const char* name) {
  return cuLibraryGetKernel(reinterpret_cast<CUkernel*>(kernel),
                            reinterpret_cast<CUlibrary>(module), name);
}
CUresult cuLaunchKernel(CUfunction kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                        unsigned by, unsigned bz, unsigned, CUstream stream, void**, void**) {
  if (!has_context()) return CUDA_ERROR_INVALID_CONTEXT;
  if (gx == 0 || gy == 0 || gz == 0 || gy > 65535 || gz > 65535 || bx * by * bz > 1024 || bx == 0)
    return CUDA_ERROR_INVALID_VALUE;
  const std::string threads = std::to_string(size_t{gx} * gy * gz * bx * by * bz);
  return queue(stream, {"own " + *reinterpret_cast<std::string*>(kernel) + " of " + threads, {}}) ==
                 cudaSuccess
             ? CUDA_SUCCESS
             : CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
}

}  // extern "C"
