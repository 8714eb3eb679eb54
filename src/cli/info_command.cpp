// diffuse info: the contents of a checkpoint or a config.
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "common.h"
#include "diffuse/config/config_json.h"
#include "src/core/json_text.h"
#include "src/files/file.h"
#include "src/model_file/description.h"
#include "src/model_file/model_files.h"

namespace diffuse::cli {

using nlohmann::ordered_json;

namespace {

struct InfoFlags {
  std::filesystem::path file;
  bool json = false, tensors = false;
  CpuFlags cpu;
};

// One fact per line; nested values as JSON.
void print(const ordered_json& facts) {
  for (const auto& [key, value] : facts.items()) {
    if (key == "shapes" || key == "sha256") {
      for (const auto& [name, item] : value.items())
        std::cout << (key == "sha256" ? "sha256 of " : "") << name << ": "
                  << (item.is_string() ? item.get<std::string>() : item.dump()) << "\n";
    } else if (key != "config") {
      std::cout << key << ": " << (value.is_string() ? value.get<std::string>() : value.dump())
                << "\n";
    }
  }
}

int run_info(const InfoFlags& flags) {
  flags.cpu.apply();
  if (is_oracle(flags.file)) {
    std::cout << config_to_json(load_config(flags.file));
    return kGood;
  }
  const Checkpoint checkpoint = load_model_file(flags.file);
  const ordered_json facts = describe(checkpoint, flags.tensors);
  if (flags.json) {
    std::cout << json_text(facts, 2) << "\n";
  } else {
    print(facts);
    std::cout << "config: " << config_to_json(checkpoint.config);
  }
  return kGood;
}

}  // namespace

Command add_info(CLI::App& app) {
  auto flags = std::make_shared<InfoFlags>();
  CLI::App* command = app.add_subcommand("info", "Show the contents of a checkpoint or a config");
  command->footer(
      "Examples:\n"
      "  diffuse info model.pt\n"
      "  diffuse info runs/cifar --tensors\n"
      "  diffuse info ddpm-cifar10-32 --json");
  command
      ->add_option("file", flags->file,
                   "model.pt, a run folder, a diffusers folder, a .safetensors beside its "
                   "config.json, or a JSON config")
      ->required();
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->add_flag("--tensors", flags->tensors, "List all tensors with their shapes");
  flags->cpu.add_to(*command);
  return [flags] { return run_info(*flags); };
}

}  // namespace diffuse::cli
