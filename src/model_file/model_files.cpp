#include "src/model_file/model_files.h"

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"

namespace fs = std::filesystem;

namespace diffuse {

Checkpoint load_model_file(const fs::path& path, const ForeignOptions& options) {
  Checkpoint checkpoint;
  if (is_diffusers_model(path)) {
    checkpoint = read_diffusers_model(path, options);
  } else if (fs::is_regular_file(path)) {
    Value contents = read_torch_file(path);
    auto* dict = std::get_if<ValueDict>(&contents.data);
    if (dict == nullptr || find(*dict, "format") == nullptr)
      return read_state_dict(path, contents, options);
    checkpoint = parse_checkpoint(path, std::move(*dict));
  } else {
    checkpoint = load_checkpoint(path);
  }
  if (options.image_size > 0 && !is_diffusers_model(path))
    throw Error("--image-size ", options.image_size, ": ", checkpoint.file.string(),
                " already gives the size of its images");
  checkpoint.config =
      parse_config(config_to_json(checkpoint.config), checkpoint.file.string(), options.overrides);
  return checkpoint;
}

}  // namespace diffuse
