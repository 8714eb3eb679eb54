// Compiled kernels kept on disk from one run to the next.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "nvrtc.h"

namespace diffuse::cuda {

// $DIFFUSE_CACHE_DIR, else $XDG_CACHE_HOME/diffuse, else ~/.cache/diffuse; empty without any of these.
std::filesystem::path cache_folder();

class CubinCache {
 public:
  // Files are in folder/kernels, which is made when the first is written; empty: nothing is kept.
  explicit CubinCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // The module's machine code, from the folder or compiled by `compiler` and written there. A file that is
  // damaged or not of this kind is compiled anew. If a file cannot be written, warns once.
  std::string get(const Nvrtc& compiler, const KernelModule& module, int capability);

  // The module's file: named by SHA-256 of all texts, the options and the compiler's version.
  std::filesystem::path file_of(const Nvrtc& compiler, const KernelModule& module,
                                int capability) const;

 private:
  void write(const std::filesystem::path& file, const std::string& cubin);

  std::filesystem::path folder_;
  bool warned_ = false;
};

}  // namespace diffuse::cuda
