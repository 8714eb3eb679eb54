// The safetensors format: the header's length in 8 bytes, a JSON header that names each tensor's
// dtype, shape and place, then the tensors' bytes. Nothing in it is code.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace diffuse {

struct Safetensors {
  std::vector<std::pair<std::string, at::Tensor>> tensors;  // in the order of their bytes
  std::map<std::string, std::string> metadata;              // "__metadata__"
};

// The tensors are views of the file, mapped copy-on-write: they live as long as they are held, and
// writing to them does not reach the file. The header is checked before anything is made of it: its
// length against the file, every tensor's bytes against its shape, and all of them together against
// the file, without overlap or hole. Throws Error naming the file.
Safetensors read_safetensors(const std::filesystem::path& path);

// Writes atomically, the bytes that Python's safetensors package writes. Tensors are copied to the
// CPU where they are not there.
void write_safetensors(const std::filesystem::path& path, const Safetensors& contents);

}  // namespace diffuse
