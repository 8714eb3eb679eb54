// diffuse interpolate: pictures between two pictures, coarse to fine.
#include <ATen/ATen.h>

#include "commands.h"
#include "edit_common.h"
#include "src/core/log.h"
#include "src/core/progress.h"
#include "src/files/file.h"
#include "src/model_file/sample_input.h"
#include "src/pictures/picture_table.h"
#include "src/sample/depths.h"
#include "src/train/outputs.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct InterpolateFlags {
  EditFlags edit{.out = "interpolation.png"};
  fs::path from, to;
  int64_t steps = 8;
  std::string depths;
  bool linear = false;
};

// [depths, steps, ...] between the sources, one row per depth.
void write_table(const fs::path& out, const std::vector<at::Tensor>& rows, const at::Tensor& a,
                 const at::Tensor& b, const std::vector<double>& depths, const Config& config) {
  const DataConfig& data = config.data;
  const char* const unit = config.diffusion.is_chain() ? " steps" : " of the time";
  std::vector<std::vector<Image>> tiles;
  std::vector<std::string> row_captions, column_captions{"source"};
  for (size_t r = 0; r < rows.size(); ++r) {
    row_captions.push_back(concat(depths[r], unit));
    tiles.push_back({tile(a, data)});
    for (const at::Tensor& one : rows[r].split(1)) tiles[r].push_back(tile(one, data));
    tiles[r].push_back(tile(b, data));
  }
  for (int64_t i = 0; i < rows[0].size(0); ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(rows[0].size(0) - 1);
    column_captions.push_back(concat(std::round(share * 100) / 100));
  }
  column_captions.emplace_back("source");
  write_png(out, draw_table(tiles, row_captions, column_captions));
}

int run_interpolate(const CLI::App& command, const InterpolateFlags& flags) {
  check_outputs(
      {{"-o", flags.edit.out, flags.edit.out.extension().empty()}},
      {{"--ckpt", flags.edit.model.checkpoint}, {"--from", flags.from}, {"--to", flags.to}});
  const auto [model, sampling] = open_model(flags.edit);
  const at::Tensor a = load_sample("--from", flags.from, model, sampling.config);
  const at::Tensor b = load_sample("--to", flags.to, model, sampling.config);
  const auto depths = parse_depths(flags.depths, model.config().diffusion);
  const bool table = ending_of(flags.edit.out) == ".png" && model.is_image();
  OutputOptions output;
  if (!table)
    output =
        plan_output(command, flags.edit, model, sampling.config, std::ssize(depths) * flags.steps);
  Progress progress({.unit = "depth", .total = std::ssize(depths)});
  std::vector<at::Tensor> rows;
  for (const double depth : depths) {
    rows.push_back(interpolate(model, sampling, a, b, depth, at::linspace(0, 1, flags.steps),
                               flags.linear ? Mixing::kLinear : Mixing::kSpherical,
                               flags.edit.seed));
    progress.update(std::ssize(rows));
  }
  progress.finish();
  if (table)
    write_table(flags.edit.out, rows, a, b, depths, model.config());
  else
    write_output(output, at::cat(rows));
  print_path(flags.edit.out);
  return kGood;
}

}  // namespace

Command add_interpolate(CLI::App& app) {
  auto flags = std::make_shared<InterpolateFlags>();
  CLI::App* command = app.add_subcommand("interpolate", "Pictures between two pictures");
  command->footer(
      "Both are noised by --depth diffusion steps, mixed, and denoised. A small depth keeps what\n"
      "they share and blends them, a large one gives other pictures of the same kind.\n"
      "A .png is a table with the sources at both ends and one row per depth; other outputs\n"
      "contain only the --steps pictures of each depth.\n"
      "Examples:\n"
      "  diffuse interpolate --ckpt runs/shapes --from a.png --to b.png --steps 8\n"
      "  diffuse interpolate --ckpt runs/shapes --from a.png --to b.png --depth 750,500,250,0");
  flags->edit.sampler.steps_flag = "--reverse-steps";
  flags->edit.add_to(*command);
  command->add_option("--from", flags->from, "A picture of the model's size, or .npy")->required();
  command->add_option("--to", flags->to, "The other picture")->required();
  command
      ->add_option("--steps", flags->steps, "Pictures from one to the other, including both ends")
      ->check(CLI::Range(2, 1000));
  command->add_option(
      "--depth", flags->depths,
      "Diffusion steps 0 .. T, or a list; default T/2. In continuous time fractions of it, 0 .. 1");
  auto* linear = command->add_flag("--linear", flags->linear, "Mix noisy states along a line");
  command->add_flag("--spherical")
      ->description("Mix along an arc, which keeps the noise; default")
      ->excludes(linear);
  return [command, flags] { return run_interpolate(*command, *flags); };
}

}  // namespace diffuse::cli
