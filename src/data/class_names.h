// The names of a set's classes, and the numbers that a model knows them by.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "diffuse/data/dataset.h"

namespace diffuse {

// Valid UTF-8, where invalid bytes of a folder's name become U+FFFD, and no two alike.
std::vector<std::string> class_names_of(const Dataset& set);

// Whether the names are "0", "1", ... in order, as those of MNIST and of arrays are, or there are none.
bool are_numbers(const std::vector<std::string>& names);

// How the classes of a set differ from a model's: "not in the model: fox; not in the data: cat".
std::string class_difference(const std::vector<std::string>& data,
                             const std::vector<std::string>& model);

struct ClassMap {
  std::vector<int64_t> numbers;  // the model's of the set's class 0, 1, ...
  std::string note;              // what is worth saying of it, or ""
};

// Classes go by their names; by their numbers where one side has no names but these. Throws Error, which
// begins with `what`, where the set has a class that the model does not know.
ClassMap map_classes(const std::vector<std::string>& data, const std::vector<std::string>& model,
                     const std::string& what);

// `set` with its classes numbered and called as the model's.
std::shared_ptr<const Dataset> with_classes(std::shared_ptr<const Dataset> set, ClassMap map,
                                            std::vector<std::string> model);

}  // namespace diffuse
