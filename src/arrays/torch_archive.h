// The two containers of Python's torch.save: a zip archive, and before PyTorch 1.6 consecutive pickles
// followed by the numbers. In both, one pickle refers to storages by key.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "pickle.h"

namespace diffuse {

class TorchArchive {
 public:
  virtual ~TorchArchive() = default;

  const Pickle& pickle() const { return pickle_; }

  // The numbers of a storage as a 1-D tensor. Throws PickleError if they do not match the file.
  virtual at::Tensor read(const PickleNode::Storage& storage) const = 0;

 protected:
  Pickle pickle_;
};

// Throws Error or PickleError if the file is neither.
std::unique_ptr<TorchArchive> open_torch_archive(const std::filesystem::path& path);

}  // namespace diffuse
