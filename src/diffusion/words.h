#pragma once

#include <string>
#include <vector>

#include "diffuse/core/error.h"

namespace diffuse {

// The position of `name` in `names`, as the enum with those values in that order. Throws Error naming
// the JSON path for another name.
template <class Enum>
Enum parse_word(const std::string& name, const char* path, const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<Enum>(i);
  throw Error(path, ": \"", name, "\" is none of ", join(names), did_you_mean(name, names));
}

}  // namespace diffuse
