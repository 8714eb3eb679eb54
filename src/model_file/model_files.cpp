#include "src/model_file/model_files.h"

#include <nlohmann/json.hpp>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"

namespace fs = std::filesystem;

namespace diffuse {

// Refuses --set of other values than the file's own. `written` is the file's text: one of an earlier version
// lacks fields.
static void check_overrides(const Checkpoint& checkpoint, const Config& asked) {
  using nlohmann::json;
  const json written = json::parse(std::get<std::string>(find(checkpoint.root, "config")->data)),
             before = json::parse(config_to_json(checkpoint.config)),
             after = json::parse(config_to_json(asked));
  const auto check = [&](const json& stored, const json& had, const json& has,
                         const std::string& path) {
    for (const auto& [key, value] : stored.items())
      if (had.contains(key) && has.contains(key) && had[key] != has[key])
        throw Error("--set: ", checkpoint.file.string(), " stores ", path, key, " ",
                    had[key].dump(), ", --set gives ", has[key].dump());
  };
  json fields = json::object();  // those that are in no section
  for (const auto& [key, value] : written.items())
    if (value.is_object() && before.contains(key) && after.contains(key))
      check(value, before[key], after[key], key + ".");
    else
      fields[key] = value;
  check(fields, before, after, "");
}

std::vector<std::string> sections_except(std::string_view kept) {
  std::vector<std::string> names{"model", "ema", "exp_avg", "exp_avg_sq"};
  std::erase(names, kept);
  return names;
}

Checkpoint load_model_file(const fs::path& path, const ForeignOptions& options) {
  Checkpoint checkpoint;
  if (is_diffusers_model(path)) {
    checkpoint = read_diffusers_model(path, options);
  } else if (fs::is_regular_file(path)) {
    Value contents = read_torch_file(path, options.unread);
    auto* dict = std::get_if<ValueDict>(&contents.data);
    if (dict == nullptr || find(*dict, "format") == nullptr)
      return read_state_dict(path, contents, options);
    checkpoint = parse_checkpoint(path, std::move(*dict));
  } else {
    checkpoint = load_checkpoint(path, options.unread);
  }
  if (options.image_size > 0 && !is_diffusers_model(path))
    throw Error("--image-size ", options.image_size, ": ", checkpoint.file.string(),
                " already gives the size of its images");
  Config config =
      parse_config(config_to_json(checkpoint.config), checkpoint.file.string(), options.overrides);
  if (!options.overrides.empty() && !is_diffusers_model(path)) check_overrides(checkpoint, config);
  checkpoint.config = std::move(config);
  return checkpoint;
}

}  // namespace diffuse
