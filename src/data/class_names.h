// The names of a set's classes, and their numbers in a model.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "diffuse/data/dataset.h"

namespace diffuse {

// Unique, in valid UTF-8: invalid bytes of a folder's name become U+FFFD.
std::vector<std::string> class_names_of(const Dataset& set);

// Whether the names are "0", "1", ... in order, as for MNIST and arrays, or there are none.
bool are_numbers(const std::vector<std::string>& names);

// How the classes of a set differ from a model's: "not in the model: fox; not in the data: cat".
std::string class_difference(const std::vector<std::string>& data,
                             const std::vector<std::string>& model);

struct ClassMap {
  std::vector<int64_t> numbers;  // the model's numbers of the set's classes 0, 1, ...
  std::string note;              // for the log, or ""
};

// Matches classes by name, or by number if either side has only numbers. Throws Error, beginning with
// `what`, if the set has a class that the model lacks.
ClassMap map_classes(const std::vector<std::string>& data, const std::vector<std::string>& model,
                     const std::string& what);

// `set` with the model's class numbers and names.
std::shared_ptr<const Dataset> with_classes(std::shared_ptr<const Dataset> set, ClassMap map,
                                            std::vector<std::string> model);

}  // namespace diffuse
