// diffuse forward: the forward process as pictures.
#include <ATen/ATen.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "commands.h"
#include "common.h"
#include "diffuse/config/config_json.h"
#include "src/core/log.h"
#include "src/data/inspection.h"
#include "src/data/normalization.h"
#include "src/files/file.h"
#include "src/pictures/animation.h"
#include "src/report/film.h"
#include "src/sample/forward.h"
#include "src/train/outputs.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct ForwardFlags {
  fs::path config, out = "forward.gif";
  std::vector<std::string> overrides;
  std::string mode = "chain";
  std::optional<int64_t> items, frames;
  int64_t size = 512;
  uint64_t seed = 0;
  MachineFlags machine;
};

constexpr int64_t kVideoFrames = 200, kRowFrames = 6;

void check_flags(const ForwardFlags& flags) {
  const std::string extension = ending_of(flags.out);
  if (!extension.empty() && !is_animation(flags.out) && extension != ".png" && extension != ".npy")
    throw Error("-o ", flags.out.string(), ": expected a name ending in ",
                join(animation_endings()), ", .png or .npy, or a folder without an extension");
  if (flags.items && *flags.items < 1)
    throw Error("--items: expected at least 1, got ", *flags.items);
  if (flags.frames && *flags.frames < 1)
    throw Error("--frames: expected at least 1, got ", *flags.frames);
  if (flags.size < 64 || flags.size > 4096)
    throw Error("--size: expected 64 to 4096 pixels, got ", flags.size);
}

Film make_film(const ForwardFlags& flags, const at::Tensor& x0, SampleKind kind,
               const DataConfig& data, const GaussianDiffusion& diffusion) {
  const int64_t usual = ending_of(flags.out) == ".png" ? kRowFrames : kVideoFrames;
  Film film{.kind = kind, .data = data};
  film.steps = forward_moments(forward_steps(diffusion), flags.frames.value_or(usual));
  run_forward(diffusion, x0, consecutive_keys(flags.seed, 0, x0.size(0)),
              flags.mode == "chain" ? ForwardMode::kChain : ForwardMode::kClosedForm, film.steps,
              [&](int64_t, const at::Tensor& x) { film.frames.push_back(to_data_units(x, data)); });
  return film;
}

int run_forward_command(const ForwardFlags& flags) {
  flags.machine.apply();
  check_flags(flags);
  check_outputs({{"-o", flags.out, flags.out.extension().empty()}}, {{"--config", flags.config}});
  const Config config = load_config(flags.config, flags.overrides);
  const auto [x0, film] = in_config(flags.config, [&] {
    const auto data = make_dataset(config.data, Split::kTrain, config.seed);
    const SampleKind kind = data->sample_kind();
    const int64_t usual = kind == SampleKind::kPoint ? 5000 : 16;
    const at::Tensor items = first_items(*data, flags.items.value_or(usual));
    if (kind == SampleKind::kPoint && items.size(1) < 2 && ending_of(flags.out) != ".npy")
      throw Error("-o ", flags.out.string(), ": points of one dimension cannot be drawn; use .npy");
    return std::pair(items, make_film(flags, items, kind, with_normalization(config.data, *data),
                                      GaussianDiffusion(config.diffusion)));
  });
  const at::Tensor& end = film.frames.back();
  log_info(concat(film.frames.size(), " frames of ", x0.size(0), " items; after ",
                  film.steps.back(), " steps their mean is ", end.mean().item<double>(),
                  " and their mean square ", end.square().mean().item<double>()));
  write_film(film, flags.out, flags.size);
  print_path(flags.out);
  return kGood;
}

}  // namespace

Command add_forward(CLI::App& app) {
  auto flags = std::make_shared<ForwardFlags>();
  CLI::App* command =
      app.add_subcommand("forward", "Show the forward process: data becoming noise");
  command->footer(
      "chain takes every step x_t-1 -> x_t; closed-form jumps from x_0 with one epsilon per item.\n"
      "Examples:\n"
      "  diffuse forward --config configs/swiss_roll.json -o swiss_roll.gif\n"
      "  diffuse forward --config configs/mnist.json --items 25 --frames 100 -o frames\n"
      "  diffuse forward --config configs/swiss_roll.json --mode closed-form --frames 5 -o "
      "row.png");
  command->add_option("--config", flags->config, "JSON config, for its data and diffusion")
      ->required();
  command->add_option("--set", flags->overrides, "Override a value: diffusion.schedule=cosine")
      ->allow_extra_args(false);
  command
      ->add_option("-o,--out", flags->out,
                   "An animation .gif, .webp or .apng, a row of pictures .png, .npy float [frame, "
                   "item, ...], or a folder with one PNG per frame")
      ->capture_default_str();
  command->add_option("--mode", flags->mode, "chain or closed-form")
      ->check(CLI::IsMember({"chain", "closed-form"}))
      ->capture_default_str();
  command->add_option("--items", flags->items,
                      "Number of items, from the first on; default: 5000 points, "
                      "16 images or signals");
  command->add_option("--frames", flags->frames,
                      "Evenly spaced from t = 0, the data, to T; default 200, .png 6");
  command->add_option("--size", flags->size, "Width and height in pixels of a picture of points")
      ->capture_default_str();
  command->add_option("--seed", flags->seed, "Item i's noise is a function of (seed, i)");
  flags->machine.add_to(*command);
  return [flags] { return run_forward_command(*flags); };
}

}  // namespace diffuse::cli
