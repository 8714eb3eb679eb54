#include "nvrtc.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <algorithm>
#include <string_view>

#include "diffuse/core/error.h"
#include "kernel_texts.h"

namespace diffuse::cuda {

// The functions of nvrtc.h that are used, declared by hand. A program is an opaque pointer, a result 0 on
// success.
struct Nvrtc::Functions {
  int (*version)(int* major, int* minor);
  int (*create)(void** program, const char* source, const char* name, int header_count,
                const char* const* headers, const char* const* header_names);
  int (*compile)(void* program, int option_count, const char* const* options);
  int (*cubin_size)(void* program, size_t* size);
  int (*cubin)(void* program, char* cubin);
  int (*log_size)(void* program, size_t* size);
  int (*log)(void* program, char* log);
  int (*destroy)(void** program);
};

template <class Function>
static void find_function(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw Error("it has no function ", name);
}

Nvrtc::Nvrtc(const std::filesystem::path& library) {
  void* const opened = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) throw Error(dlerror());
  auto found = std::make_shared<Functions>();
  find_function(opened, "nvrtcVersion", found->version);
  find_function(opened, "nvrtcCreateProgram", found->create);
  find_function(opened, "nvrtcCompileProgram", found->compile);
  find_function(opened, "nvrtcGetCUBINSize", found->cubin_size);
  find_function(opened, "nvrtcGetCUBIN", found->cubin);
  find_function(opened, "nvrtcGetProgramLogSize", found->log_size);
  find_function(opened, "nvrtcGetProgramLog", found->log);
  find_function(opened, "nvrtcDestroyProgram", found->destroy);
  int major = 0, minor = 0;
  found->version(&major, &minor);
  version_ = concat(major, ".", minor);
  functions_ = std::move(found);
}

// site-packages/torch/lib/../../nvidia/*/lib/libnvrtc.so.*: the wheels' place; an archive of LibTorch has it
// in lib/ itself.
static std::vector<std::filesystem::path> candidates() {
  std::vector<std::filesystem::path> found;
  const auto add_from = [&found](const std::filesystem::path& folder) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      if (entry.path().filename().string().starts_with("libnvrtc.so"))
        found.push_back(entry.path());
    }
  };
  Dl_info torch{};
  if (dladdr(reinterpret_cast<const void*>(&at::get_num_threads), &torch) != 0) {
    const auto lib = std::filesystem::path(torch.dli_fname).parent_path();
    std::error_code ignored;
    add_from(lib);
    for (const auto& entry : std::filesystem::directory_iterator(lib / "../../nvidia", ignored))
      add_from(entry.path() / "lib");
  }
  std::sort(found.begin(), found.end());
  for (const char* const name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"})
    found.emplace_back(name);
  return found;
}

Nvrtc Nvrtc::open() {
  std::string reason;
  for (const auto& library : candidates()) {
    try {
      return Nvrtc(library);
    } catch (const Error& error) {
      if (reason.empty()) reason = error.what();
    }
  }
  throw Error("NVIDIA's run-time compiler is not usable: ", reason);
}

std::vector<std::string> Nvrtc::options(c10::ScalarType storage, int capability) {
  const int number = storage == c10::kFloat ? 0 : storage == c10::kBFloat16 ? 1 : 2;
  return {concat("--gpu-architecture=sm_", capability), concat("-DSTORAGE=", number),
          "--std=c++17"};
}

static std::string text_named(const char* name) {
  for (const KernelText& text : kernel_texts())
    if (std::string_view(text.name) == name) return text.text;
  throw Error("there is no kernel text ", name);
}

namespace {
struct Program {
  void* handle = nullptr;
  int (*destroy)(void**);
  ~Program() { destroy(&handle); }
};
}  // namespace

Compiled Nvrtc::compile(const KernelModule& module, int capability, bool verbose) const {
  std::vector<const char*> texts, names, words;
  for (const KernelText& text : kernel_texts()) {
    texts.push_back(text.text);
    names.push_back(text.name);
  }
  std::vector<std::string> chosen = options(module.storage, capability);
  if (verbose) chosen.emplace_back("--ptxas-options=-v");
  for (const std::string& option : chosen) words.push_back(option.c_str());
  Program program{nullptr, functions_->destroy};
  functions_->create(&program.handle, text_named(module.text).c_str(), module.text,
                     static_cast<int>(texts.size()), texts.data(), names.data());
  const int failed =
      functions_->compile(program.handle, static_cast<int>(words.size()), words.data());
  Compiled result;
  size_t size = 0;
  functions_->log_size(program.handle, &size);
  result.log.resize(size);
  functions_->log(program.handle, result.log.data());
  if (size > 0) result.log.pop_back();  // its final 0
  if (failed != 0)
    throw Error(module.text, " does not compile by NVRTC ", version_, " for sm_", capability, ": ",
                result.log);
  functions_->cubin_size(program.handle, &size);
  result.cubin.resize(size);
  functions_->cubin(program.handle, result.cubin.data());
  return result;
}

}  // namespace diffuse::cuda
