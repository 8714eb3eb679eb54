// The data for evaluating a model.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "diffuse/data/dataset.h"
#include "diffuse/model_file/model.h"

namespace diffuse {

// A data set and its source.
struct EvalData {
  std::shared_ptr<const Dataset> set;
  std::string name;
  std::string class_note{};  // for the log
};

// Opens the value of --data: a config, for its data, or the path of a set: MNIST or CIFAR-10 files if the
// model was trained on that type, else pictures or an array. Throws Error if the data do not match the
// model's shape, units or classes.
EvalData open_eval_data(const std::filesystem::path& named, const Model& model, Split split);

}  // namespace diffuse
