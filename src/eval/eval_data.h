// The data that a model is evaluated on.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "diffuse/data/dataset.h"
#include "diffuse/model_file/model.h"

namespace diffuse {

// The data set with where it came from.
struct EvalData {
  std::shared_ptr<const Dataset> set;
  std::string name;
  std::string class_note{};  // what is worth saying of its classes
};

// What --data names: the data of a config, else a place of files. Those are of the kind the model
// was trained on, or pictures in a folder where that was generated. Throws Error where the data are not
// of the model's shape, units or classes.
EvalData open_eval_data(const std::filesystem::path& named, const Model& model, Split split);

}  // namespace diffuse
