// --class: the classes of samples.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "diffuse/config/config.h"

namespace diffuse {

inline constexpr const char* kClassHelp =
    "Class number or name, or a list assigned to samples in turn: 0,3,dog; all is every "
    "class. "
    "A number is a class number even if a class has such a name: name:3 is the class named 3";

// The class numbers of --class, in turn. A comma within a class's name does not split it. Throws Error if the
// model does not have a class.
std::vector<int64_t> parse_classes(const std::string& text, const ModelConfig& model);

// All classes of the model in turn; empty if it has none.
std::vector<int64_t> all_classes(const ModelConfig& model);

// The labels of samples from `first` on, which take `classes` in turn: int64 [rows]; undefined without
// classes.
at::Tensor labels_in_turn(const std::vector<int64_t>& classes, int64_t first, int64_t rows);

// Captions of `classes`: their names in ASCII, else their numbers.
std::vector<std::string> class_captions(const std::vector<int64_t>& classes,
                                        const ModelConfig& model);

}  // namespace diffuse
