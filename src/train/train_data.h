// The data of a training run.
#pragma once

#include <memory>

#include "diffuse/config/config.h"
#include "diffuse/data/dataset.h"

namespace diffuse {

struct TrainData {
  std::shared_ptr<const Dataset> train, held_out;
};

// Both parts of a config's data, with classes numbered as in config.model.class_names. The moments of
// normalisation are written into the config. Throws Error if the data do not match the config.
TrainData open_train_data(Config& config);

}  // namespace diffuse
