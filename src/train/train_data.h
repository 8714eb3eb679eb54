// The data of a training run.
#pragma once

#include <memory>

#include "diffuse/config/config.h"
#include "diffuse/data/dataset.h"

namespace diffuse {

struct TrainData {
  std::shared_ptr<const Dataset> train, held_out;
};

// Both parts of a config's data, with the classes numbered as config.model.class_names has them; what
// they were normalised with is written into the config. Throws Error where they do not fit it.
TrainData open_train_data(Config& config);

}  // namespace diffuse
