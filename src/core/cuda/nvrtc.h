// NVIDIA's run-time compiler, which every CUDA LibTorch brings with it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kernel_launcher.h"

namespace diffuse::cuda {

struct Compiled {
  std::string cubin;
  std::string log;  // warnings; with verbose compilation the assembler's registers and spills
};

class Nvrtc {
 public:
  // Opens the library beside LibTorch, or else the one that the system's loader finds. Throws Error with the
  // reason if there is none, or it lacks a function.
  static Nvrtc open();
  explicit Nvrtc(const std::filesystem::path& library);

  const std::string& version() const { return version_; }  // "13.0"

  // The options of a compilation: all that a cubin depends on beside the texts and the version.
  static std::vector<std::string> options(c10::ScalarType storage, int capability);

  // Machine code of a text for cards of a compute capability (90: 9.0). Throws Error with the compiler's
  // log if the text is faulty or the capability unknown to this version.
  Compiled compile(const KernelModule& module, int capability, bool verbose = false) const;

 private:
  struct Functions;
  std::shared_ptr<const Functions> functions_;
  std::string version_;
};

}  // namespace diffuse::cuda
