#include "src/train/train_data.h"

#include <string>
#include <utility>
#include <vector>

#include "src/core/log.h"
#include "src/data/class_names.h"
#include "src/data/normalization.h"
#include "src/data/number_range.h"
#include "src/data/stored_conditions.h"

namespace diffuse {

static void number_classes(const ModelConfig& model, TrainData& data) {
  const std::vector<std::string> names = class_names_of(*data.train);
  if (!model.class_conditional || model.class_names.empty() || names.empty()) return;
  const ClassMap map = map_classes(names, model.class_names, "/model/class_names");
  if (!map.note.empty()) log_info(map.note);
  for (auto* const part : {&data.train, &data.held_out})
    *part = with_classes(std::move(*part), map, model.class_names);
}

TrainData open_train_data(Config& config) {
  TrainData data;
  data.train = make_dataset(config.data, Split::kTrain, config.seed);
  config.data = with_normalization(config.data, *data.train);
  data.held_out = make_dataset(config.data, Split::kHeldOut, config.seed);
  check_scale(config.data, *data.train, config.sample.clip_x0);
  number_classes(config.model, data);
  data.train = with_stored_conditions(std::move(data.train), config, Split::kTrain);
  data.held_out = with_stored_conditions(std::move(data.held_out), config, Split::kHeldOut);
  return data;
}

}  // namespace diffuse
