#include "edit_common.h"

#include <ATen/core/Tensor.h>

#include <nlohmann/json.hpp>

#include "src/core/json_text.h"
#include "src/data/normalization.h"
#include "src/files/file.h"
#include "src/pictures/animation.h"
#include "src/pictures/picture.h"
#include "src/pictures/picture_table.h"
#include "src/sample/class_choice.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

void EditFlags::add_to(CLI::App& command) {
  model.add_to(command);
  command.add_option(
      "-o,--out", out,
      "Result: .png, .npz uint8, .npy float, or a folder of PNGs; default " + out.string());
  sampler.add_to(command);
  command.add_option("--class", class_name, concat(kClassHelp, "; default none"));
  command.add_option("--seed", seed, "Sample i depends only on (seed, i)");
  machine.add_to(command);
}

void EditFlags::add_strip_to(CLI::App& command) {
  command.add_option("--strip", strip, "Also write inputs and results side by side, as a .png");
}

std::pair<Model, Sampling> open_model(const EditFlags& flags) {
  Model model = flags.model.load(flags.machine.apply());
  if (!flags.strip.empty() && (ending_of(flags.strip) != ".png" || !model.is_image()))
    throw Error("--strip ", flags.strip.string(), ": expected a name ending in .png, and a model ",
                "of images");
  Sampling sampling = flags.sampler.over(model);
  if (flags.class_name)
    sampling.classes = parse_classes(*flags.class_name, model.config().model);
  else if (flags.sampler.has("--guidance") && flags.sampler.guide.empty() &&
           model.config().model.classes > 0)
    throw Error("--guidance: expected --class K with it");
  return {std::move(model), std::move(sampling)};
}

OutputOptions plan_output(const CLI::App& command, const EditFlags& flags, const Model& model,
                          const SampleConfig& config, int64_t count) {
  if (is_animation(flags.out))
    throw Error("-o ", flags.out.string(), ": expected a name ending in .png, .npz or .npy, or a ",
                "folder without an extension");
  const nlohmann::ordered_json parameters{{"command", command.get_name()},
                                          {"checkpoint", model.name()},
                                          {"step", model.step()},
                                          {"sampler", word_of(config.sampler)},
                                          {"seed", flags.seed}};
  OutputOptions options{.path = flags.out,
                        .shape = model.sample_shape(),
                        .kind = sample_kind(model.config().model),
                        .count = count,
                        .parameters = json_text(parameters),
                        .framed = count > 1 || !model.is_image(),
                        .data = model.config().data};
  check_output(options);
  say_how_shown(options);
  return options;
}

void write_output(const OutputOptions& options, const at::Tensor& x) {
  SampleOutput output(options);
  output.add(0, x);
  output.finish();
}

Image tile(const at::Tensor& image, const DataConfig& data) {
  constexpr int64_t kSide = 168;  // wide enough for a caption; three fit on a page
  const int64_t width = image.size(3);
  return to_image(to_picture_range(image, data)[0], (kSide + width - 1) / width);
}

void write_strip(const fs::path& file, const std::vector<Captioned>& pictures) {
  if (file.empty()) return;
  std::vector<Image> tiles;
  std::vector<std::string> captions;
  for (const auto& [caption, picture] : pictures) {
    captions.push_back(caption);
    tiles.push_back(picture);
  }
  write_png(file, draw_row(tiles, captions));
}

}  // namespace diffuse::cli
