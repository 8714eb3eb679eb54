// The file format of model.pt: Python's torch.load(path, weights_only=True) opens it as plain dicts,
// lists, strings, numbers and tensors. Reading runs no code.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace diffuse {

struct Value;
using ValueList = std::vector<Value>;
using ValueDict = std::vector<std::pair<std::string, Value>>;  // in insertion order

// A Python object of the types that a checkpoint may hold.
struct Value {
  std::variant<std::monostate, bool, int64_t, double, std::string, at::Tensor, ValueList, ValueDict>
      data{};  // {}: clang needs it to complete Value before a pair of it
};

// Writes `root` atomically. Tensors are copied to the CPU; shared storage is written once.
void write_checkpoint_file(const std::filesystem::path& path, const ValueDict& root);

// Reads a file written by the above or by Python's torch.save of plain dicts, lists and tensors.
// Throws Error naming the file if it is missing, truncated, corrupt or holds other objects. Of a checkpoint of
// this program, the dicts with a name in `unread` are taken as empty: they may be most of it.
Value read_torch_file(const std::filesystem::path& path,
                      const std::vector<std::string>& unread = {});

// The same for a file that must hold a dict.
ValueDict read_checkpoint_file(const std::filesystem::path& path,
                               const std::vector<std::string>& unread = {});

// The value under `key`, or null.
const Value* find(const ValueDict& dict, std::string_view key);

}  // namespace diffuse
