// The part of Python's pickle format that torch.save of plain data emits, parsed without running
// anything: the only callables known are the three that build tensors, parameters and dicts.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace diffuse {

struct PickleError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline constexpr const char* kUnfoldsTooFar = "unfolds to far more than the file's size";

// Objects refer to each other by index, so that neither shared nor cyclic ones cost more than the
// bytes that wrote them.
using PickleRef = uint32_t;

struct PickleNode {
  struct List {
    std::vector<PickleRef> items;
  };
  struct Tuple {
    std::vector<PickleRef> items;
  };
  struct Dict {  // key, value, key, value, ...
    std::vector<PickleRef> items;
  };
  struct Global {
    std::string name;  // "module.name", one of the permitted ones
  };
  struct Storage {
    std::string type;  // "torch.FloatStorage", ...
    std::string key;   // names the record of its bytes
    int64_t numel;
  };
  struct Tensor {
    PickleRef storage;
    int64_t offset;
    std::vector<int64_t> sizes, strides;
  };
  std::variant<std::monostate, bool, int64_t, double, std::string, List, Tuple, Dict, Global,
               Storage, Tensor>
      data;
};

struct Pickle {
  std::vector<PickleNode> nodes;
  PickleRef root = 0;
  uint64_t budget = 0;  // bytes of memory that may still be taken for what it describes
};

// Throws PickleError with one line on what is wrong, or where the objects would take memory out of
// proportion to the bytes.
Pickle parse_pickle(std::string_view bytes);

// The same for the first of several in a row, which is taken off the front of `bytes`.
Pickle take_pickle(std::string_view& bytes);

}  // namespace diffuse
