#include "src/eval/eval_data.h"

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "src/config/in_config.h"
#include "src/data/class_names.h"
#include "src/data/number_range.h"
#include "src/data/stored_conditions.h"
#include "src/files/file.h"

namespace fs = std::filesystem;

namespace diffuse {

// Converts the set's classes, if any, to the model's.
static void take_classes(const Model& model, EvalData& data) {
  const std::vector<std::string>& names = model.config().model.class_names;
  if (names.empty() || data.set->class_names().empty()) return;
  const ClassMap map = map_classes(class_names_of(*data.set), names, "--data: " + data.name);
  data.set = with_classes(data.set, map, names);
  data.class_note = map.note;
}

static void check_unit_range(const Model& model, const DataConfig& config, const EvalData& data) {
  if (!model.config().sample.clip_x0 || config.type != DataType::kArray || !data.set->is_image())
    return;
  const NumberRange found = range_of(*data.set);
  if (!found.within_unit())
    throw Error("--data: ", data.name, ": numbers from ", found.least, " to ", found.most, "; ",
                model.name(), " makes images in [-1, 1]");
}

// All data for the model use its units.
static void take_units(const DataConfig& model, DataConfig& data) {
  data.normalize = model.normalize;
  data.range = model.range;
  data.mean = model.mean;
  data.std = model.std;
}

EvalData open_eval_data(const fs::path& named, const Model& model, Split split) {
  Config config = model.config();
  EvalData data;
  if (ending_of(named) == ".json") {
    config = load_config(named);
    take_units(model.config().data, config.data);
    data.set = in_config(named, [&] { return make_dataset(config.data, split, config.seed); });
  } else {
    if (!named.empty()) {
      if (!fs::exists(named)) throw Error("--data ", named.string(), ": does not exist");
      config.data.path = named.string();
      const DataType type = config.data.type;
      if (type != DataType::kMnist && type != DataType::kCifar10)
        config.data.type = data_config_of(named).type;
    }
    data.set = make_dataset(config.data, split, config.seed);
  }
  data.name =
      word_of(config.data.type) + (config.data.path.empty() ? "" : " in " + config.data.path);
  if (data.set->sample_shape() != model.sample_shape())
    throw Error("--data: ", model.name(), " has samples of ",
                c10::IntArrayRef(model.sample_shape()), ", but ", data.name, " has ",
                c10::IntArrayRef(data.set->sample_shape()));
  check_unit_range(model, config.data, data);
  take_classes(model, data);
  if (!named.empty() && config.condition.is_stored())
    throw Error("--data: the conditions of ", model.name(), " are stored with its own data; leave ",
                "out --data");
  data.set = with_stored_conditions(data.set, config, split);
  return data;
}

}  // namespace diffuse
