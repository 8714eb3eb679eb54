// diffuse info: what a checkpoint or a config is.
#include <iostream>

#include "commands.h"
#include "common.h"
#include "diffuse/config/config_json.h"
#include "diffuse/train/checkpoint.h"

namespace diffuse::cli {

static void print_section(const Checkpoint& checkpoint, const char* key) {
  int64_t numbers = 0;
  const ValueDict& dict = section(checkpoint, key);
  for (const auto& [name, value] : dict)
    if (const auto* tensor = std::get_if<at::Tensor>(&value.data)) numbers += tensor->numel();
  std::cout << key << ": " << dict.size() << " tensors, " << numbers << " numbers\n";
}

Command add_info(CLI::App& app) {
  auto file = std::make_shared<std::filesystem::path>();
  CLI::App* command = app.add_subcommand("info", "Say what a checkpoint or a config holds");
  command->footer(
      "Examples:\n"
      "  diffuse info runs/shapes\n"
      "  diffuse info configs/cifar.json");
  command->add_option("file", *file, "model.pt, a run folder or a JSON config")->required();
  return [file] {
    if (file->extension() == ".json") {
      std::cout << config_to_json(load_config(*file)) << "\n";
      return kGood;
    }
    const Checkpoint checkpoint = load_checkpoint(*file);
    std::cout << "file: " << checkpoint.file.string() << "\nstep: " << checkpoint.step << "\n";
    for (const char* const key : {"model", "ema", "exp_avg"}) print_section(checkpoint, key);
    std::cout << "config: " << config_to_json(checkpoint.config) << "\n";
    return kGood;
  };
}

}  // namespace diffuse::cli
