// diffuse data inspect: the contents of a data set, and its bad files.
#include <ATen/ATen.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "common.h"
#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "src/data/inspection.h"
#include "src/files/file.h"
#include "src/model_file/sample_picture.h"
#include "src/train/outputs.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct InspectFlags {
  fs::path source, out, json;
  std::vector<std::string> overrides;
  CpuFlags cpu;
};

int run_inspect(const InspectFlags& flags) {
  flags.cpu.apply();
  if (flags.out.has_extension() && ending_of(flags.out) != ".png")
    throw Error("-o ", flags.out.string(), ": expected a name ending in .png");
  check_outputs({{"-o", flags.out}, {"--json", flags.json}}, {{"source", flags.source}});
  Config config;
  if (ending_of(flags.source) == ".json") {
    config = load_config(flags.source, flags.overrides);
  } else {
    config.data = data_config_of(flags.source);
    config = parse_config(config_to_json(config), flags.source.string(), flags.overrides);
  }
  const Inspection found = in_config(flags.source, [&] { return inspect(config); });
  write_report(flags.json, json_of(found), [&] { std::cout << text_of(found); });
  if (!flags.out.empty())
    write_png(flags.out, picture_of(first_items(*found.train, 64), found.train->sample_kind(),
                                    found.shown_range()));
  return kGood;
}

}  // namespace

Command add_data(CLI::App& app) {
  auto flags = std::make_shared<InspectFlags>();
  CLI::App* data = app.add_subcommand("data", "Look at data before training on them");
  data->require_subcommand(1);
  data->footer(
      "Examples:\n"
      "  diffuse data inspect configs/shapes.json");
  CLI::App* command =
      data->add_subcommand("inspect", "Count, measure and show a data set, and list its bad files");
  command->footer(
      "Examples:\n"
      "  diffuse data inspect configs/shapes.json -o grid.png\n"
      "  diffuse data inspect photos.zip\n"
      "  diffuse data inspect scans.npz --set data.array=x --set data.labels=y\n"
      "  diffuse data inspect configs/flowers.json --set data.path=photos --json -");
  command
      ->add_option(
          "source", flags->source,
          "JSON config, or a folder, .zip, .tar or .tar.gz of pictures, or a .npy, .npz or "
          ".safetensors file")
      ->required();
  command
      ->add_option("--set", flags->overrides,
                   "Set a value of the config, or of a file's default config: data.count=100")
      ->allow_extra_args(false);
  command->add_option("-o,--out", flags->out, "Write the first items as a .png");
  command->add_option("--json", flags->json, "Write the figures as JSON to this file; - = print");
  flags->cpu.add_to(*command);
  return [flags] { return run_inspect(*flags); };
}

}  // namespace diffuse::cli
