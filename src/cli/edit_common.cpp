#include "edit_common.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "class_flag.h"
#include "diffuse/files/file.h"
#include "diffuse/pictures/picture.h"
#include "diffuse/pictures/plot.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

void EditFlags::add_to(CLI::App& command) {
  model.add_to(command);
  command.add_option(
      "-o,--out", out,
      "Result: .png, .npz uint8, .npy float, or a folder of PNGs; default " + out.string());
  sampler.add_to(command);
  command.add_option("--class", class_name, concat(kClassHelp, "; default none"));
  command.add_option("--seed", seed, "Sample i depends on (seed, i) alone");
  machine.add_to(command);
}

void EditFlags::add_strip_to(CLI::App& command) {
  command.add_option("--strip", strip, "Also write what went in and came out side by side: a .png");
}

static std::vector<int64_t> chosen_classes(const EditFlags& flags, const ModelConfig& model) {
  if (flags.class_name) return parse_classes(*flags.class_name, model);
  if (flags.sampler.guidance && model.classes > 0)
    throw Error("--guidance: leads towards a class; expected --class K with it");
  return {};
}

Editor Editor::open(const CLI::App& command, const EditFlags& flags) {
  const c10::Device device = flags.machine.apply();
  Model model = flags.model.load(device);
  want_plain_data(model.config.data, model.name, command.get_name());
  std::vector<int64_t> classes = chosen_classes(flags, model.config.model);
  if (!flags.strip.empty() && (ending_of(flags.strip) != ".png" || !model.is_image()))
    throw Error("--strip ", flags.strip.string(), ": expected a name ending in .png, and a model ",
                "of images");
  GaussianDiffusion diffusion(model.config.diffusion);
  SampleConfig config = flags.sampler.over(model);
  SamplerOptions sampler = flags.sampler.options(config, model);
  return {std::move(model),   std::move(diffusion), std::move(config),
          std::move(sampler), std::move(classes),   device};
}

GenerateOptions Editor::options(int64_t rows, int64_t first) const {
  return {.sampler = sampler,
          .shape = shape(),
          .labels = labels_in_turn(classes, first, rows),
          .classes = model.config.model.classes,
          .guidance = config.guidance,
          .device = device};
}

GenerateOptions Editor::options_from(int64_t t, int64_t rows) const {
  GenerateOptions result = options(rows);
  std::vector<double>& list = result.sampler.timesteps;
  const auto first = static_cast<double>(t);
  std::erase_if(list, [&](double later) { return later >= first; });
  list.insert(list.begin(), first);
  check_sampler(result.sampler, model.config.diffusion);
  return result;
}

SampleOutput open_output(const CLI::App& command, const EditFlags& flags, const Editor& editor,
                         int64_t count) {
  if (ending_of(flags.out) == ".gif")
    throw Error("-o ", flags.out.string(), ": expected a name ending in .png, .npz or .npy, or a ",
                "folder without an extension");
  const nlohmann::ordered_json parameters{{"command", command.get_name()},
                                          {"checkpoint", editor.model.name},
                                          {"step", editor.model.step},
                                          {"sampler", editor.config.sampler},
                                          {"seed", flags.seed}};
  OutputOptions options{.path = flags.out,
                        .shape = editor.shape(),
                        .count = count,
                        .parameters = json_text(parameters, -1),
                        .framed = count > 1 || !editor.model.is_image(),
                        .data = editor.model.config.data};
  say_how_shown(options);
  return SampleOutput(std::move(options));
}

Image tile(const at::Tensor& image) {
  constexpr int64_t kSide = 96;  // wide enough for a caption
  return to_image(image, std::max<int64_t>(1, kSide / image.size(2)));
}

void write_strip(const fs::path& file, const std::vector<Captioned>& pictures) {
  if (file.empty()) return;
  std::vector<Image> tiles;
  std::vector<std::string> captions;
  for (const auto& [caption, picture] : pictures) {
    captions.push_back(caption);
    tiles.push_back(tile(picture));
  }
  write_png(file, draw_row(tiles, captions));
}

}  // namespace diffuse::cli
