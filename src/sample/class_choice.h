// --class: which of a model's classes samples are of.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "diffuse/config/config.h"

namespace diffuse {

inline constexpr const char* kClassHelp =
    "Class number or name, or a list of them that samples take in turn: 0,3,dog; all is each "
    "class. "
    "A number is a class's number even where a class has such a name: name:3 is the class called 3";

// The class numbers that --class asks for, in turn. A comma in a class's name does not part it. Throws
// Error where the model does not know one.
std::vector<int64_t> parse_classes(const std::string& text, const ModelConfig& model);

// Every class of the model in turn; none where it has none.
std::vector<int64_t> all_classes(const ModelConfig& model);

// The labels of samples `first` .. of those that take `classes` in turn: int64 [rows]; undefined where
// there are none.
at::Tensor labels_in_turn(const std::vector<int64_t>& classes, int64_t first, int64_t rows);

// Captions of `classes`: their names in plain letters, else their numbers.
std::vector<std::string> class_captions(const std::vector<int64_t>& classes,
                                        const ModelConfig& model);

}  // namespace diffuse
