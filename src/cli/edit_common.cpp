#include "edit_common.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "class_flag.h"
#include "diffuse/io/array_file.h"
#include "diffuse/io/file.h"
#include "diffuse/io/picture.h"
#include "diffuse/io/plot.h"

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

Editor Editor::open(const EditFlags& flags) {
  const c10::Device device = flags.machine.apply();
  Model model = flags.model.load(device);
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
  std::vector<int64_t>& list = result.sampler.timesteps;
  std::erase_if(list, [&](int64_t later) { return later >= t; });
  list.insert(list.begin(), t);
  return result;
}

// Pixels HWC, as images are stored, -> [1, C, H, W] in [-1, 1].
static at::Tensor to_sample(const Image& image) {
  const at::Tensor pixels = at::tensor(at::ArrayRef<uint8_t>(image.pixels))
                                .view({1, image.height, image.width, image.channels});
  return pixels.permute({0, 3, 1, 2}).to(at::kFloat).div(127.5).sub(1).contiguous();
}

static at::Tensor load_picture(const std::string& flag, const fs::path& file, const Model& model) {
  const std::string name = flag + " " + file.string();
  if (!model.is_image())
    throw Error(name, ": this model makes points, not images; expected a float32 .npy file");
  const auto& shape = model.config.model.sample_shape;
  Image image = read_image(file);
  if (image.channels == 3 && shape[0] == 1)
    throw Error(name, ": the image is in colour, this model makes grey ones; convert it first");
  if (image.channels == 3 && shape[0] != 3)
    throw Error(name, ": the image has 3 channels, this model's have ", shape[0],
                "; expected a grey one, or a float32 .npy file");
  if (image.height != shape[1] || image.width != shape[2])
    throw Error(name, ": the image is ", image.width, "x", image.height, " pixels; this model ",
                "makes ", shape[2], "x", shape[1]);
  return to_sample(image).repeat({1, shape[0] / image.channels, 1, 1});
}

at::Tensor load_samples(const std::string& flag, const fs::path& file, const Model& model) {
  if (ending_of(file) != ".npy") return load_picture(flag, file, model);
  const at::IntArrayRef shape = model.config.model.sample_shape;
  at::Tensor x = read_npy(file);
  if (x.sizes() == shape) x = x.unsqueeze(0);
  if (x.scalar_type() != at::kFloat || x.dim() == 0 || x.size(0) == 0 ||
      x.sizes().slice(1) != shape)
    throw Error(flag, " ", file.string(), ": expected float32 N x ", shape, ", got ",
                x.scalar_type(), " ", x.sizes());
  return x;
}

at::Tensor load_sample(const std::string& flag, const fs::path& file, const Model& model) {
  at::Tensor x = load_samples(flag, file, model);
  if (x.size(0) != 1)
    throw Error(flag, " ", file.string(), ": expected one sample, got ", x.size(0));
  return x;
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
