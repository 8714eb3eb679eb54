// The part of Python's pickle format that torch.save of plain data emits, parsed without running code:
// the only known callables are the three that build tensors, parameters and dicts.
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

// Objects refer to each other by index, so that shared and cyclic objects need no more memory than their
// bytes in the file.
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
    std::string name;  // "module.name", one of the allowed ones
  };
  struct Storage {
    std::string type;  // "torch.FloatStorage", ...
    std::string key;   // name of the record of its bytes
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
  uint64_t budget = 0;  // remaining bytes of memory allowed for its objects
};

// Throws PickleError with one line on the defect, also if the objects would need memory out of proportion
// to the bytes.
Pickle parse_pickle(std::string_view bytes);

// The same for the first of several consecutive pickles, which is removed from the front of `bytes`.
Pickle take_pickle(std::string_view& bytes);

}  // namespace diffuse
