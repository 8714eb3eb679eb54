// diffuse info: what a checkpoint or a config is.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "common.h"
#include "diffuse/config/config_json.h"
#include "diffuse/core/sha256.h"
#include "diffuse/files/file.h"
#include "diffuse/model_file/checkpoint.h"
#include "diffuse/model_file/model_files.h"

namespace diffuse::cli {

using nlohmann::ordered_json;

namespace {

struct InfoFlags {
  std::filesystem::path file;
  bool json = false, tensors = false;
  CpuFlags cpu;
};

// The tensors of a section in order of name.
NamedTensors sorted_section(const Checkpoint& checkpoint, const std::string& key) {
  NamedTensors tensors;
  for (const auto& [name, value] : section(checkpoint, key))
    if (const auto* tensor = std::get_if<at::Tensor>(&value.data))
      tensors.emplace_back(name, *tensor);
  std::ranges::sort(tensors, {}, [](const auto& item) { return item.first; });
  return tensors;
}

// Of the names and bytes in order of name: the same weights have the same in any kind of file.
std::string sha256_of(const NamedTensors& tensors) {
  Sha256 hash;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor data = tensor.contiguous();
    hash.update(name);
    hash.update({static_cast<const char*>(data.const_data_ptr()), data.nbytes()});
  }
  return hash.hex_digest();
}

ordered_json describe(const Checkpoint& checkpoint, bool with_tensors) {
  const NamedTensors model = sorted_section(checkpoint, "model");
  const ModelConfig& config = checkpoint.config.model;
  int64_t parameters = 0;
  ordered_json shapes = ordered_json::object();
  for (const auto& [name, tensor] : model) {
    parameters += tensor.numel();
    shapes[name] = tensor.sizes().vec();
  }
  ordered_json facts{
      {"file", checkpoint.file.string()},
      {"type", config.type},
      {"parameters", parameters},
      {"tensors", model.size()},
      {"step", checkpoint.step},
      {"resumable", holds_training(checkpoint)},
      {"sample_shape", config.sample_shape},
      {"classes", config.classes},
      {"class_names", config.class_names},
      {"timesteps", checkpoint.config.diffusion.timesteps},
      {"sha256",
       {{"model", sha256_of(model)}, {"ema", sha256_of(sorted_section(checkpoint, "ema"))}}}};
  if (with_tensors) facts["shapes"] = shapes;
  facts["config"] = ordered_json::parse(config_to_json(checkpoint.config));
  return facts;
}

// One fact a line; what is nested, as JSON.
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
    std::cout << json_text(facts) << "\n";
  } else {
    print(facts);
    std::cout << "config: " << config_to_json(checkpoint.config);
  }
  return kGood;
}

}  // namespace

Command add_info(CLI::App& app) {
  auto flags = std::make_shared<InfoFlags>();
  CLI::App* command = app.add_subcommand("info", "Say what a checkpoint or a config holds");
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
  command->add_flag("--json", flags->json, "As one JSON object");
  command->add_flag("--tensors", flags->tensors, "Name every tensor with its shape");
  flags->cpu.add_to(*command);
  return [flags] { return run_info(*flags); };
}

}  // namespace diffuse::cli
