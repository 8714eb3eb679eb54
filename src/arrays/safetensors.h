// The safetensors format: the header's length in 8 bytes, a JSON header with each tensor's dtype, shape
// and offsets, then the tensors' bytes. It contains no code.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace diffuse {

struct Safetensors {
  std::vector<std::pair<std::string, at::Tensor>> tensors;  // in byte order of the file
  std::map<std::string, std::string> metadata;              // "__metadata__"
};

// The tensors are views of the file, mapped copy-on-write: each keeps the mapping alive, and writing to
// them does not change the file. The header is checked before use: its length against the file, every
// tensor's bytes against its shape, and all of them together against the file, without overlaps or gaps.
// Throws Error naming the file.
Safetensors read_safetensors(const std::filesystem::path& path);

// Writes atomically, with the same bytes as Python's safetensors package. Tensors on other devices are
// copied to the CPU.
void write_safetensors(const std::filesystem::path& path, const Safetensors& contents);

}  // namespace diffuse
