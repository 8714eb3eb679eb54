// The contents of model.pt, by name, and how to load a network from it.
//
//   format "diffuse", version 1, config (JSON text), step, samples (drawn so far: the data cursor)
//   model, ema, exp_avg, exp_avg_sq: {parameter name: tensor}, the network's weights, their averages and
//     Adam's two moments
//   modules {module name: {model, ema, exp_avg, exp_avg_sq}}: the same for each further module; absent if
//     there is none. Parameters that are not trained have no moments.
//   counters {optimizer_updates, skipped_updates, loss_scale, loss_scale_growth}, timestep_sampler
//
// A model without training state has only "model" and "ema".
//
// The random streams are functions of (seed, purpose, sample number or step), so config.seed and
// step are their whole state.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "diffuse/arrays/checkpoint_file.h"
#include "diffuse/config/config.h"
#include "diffuse/model/network.h"

namespace diffuse {

struct Checkpoint {
  std::filesystem::path file;  // for messages
  Config config;
  int64_t step = 0;
  ValueDict root;
};

// Reads a checkpoint file, or model.pt of a run folder. Throws Error naming the file. `unread`: as of
// read_torch_file().
Checkpoint load_checkpoint(const std::filesystem::path& path,
                           const std::vector<std::string>& unread = {});

// The same from the file's contents.
Checkpoint parse_checkpoint(const std::filesystem::path& file, ValueDict root);

// The first missing part of the training state; "" if training can be resumed.
std::string missing_training_part(const ValueDict& root);

// Whether it has training state; a converted model has only weights.
bool holds_training(const Checkpoint& checkpoint);

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// For many lookups; refers to names and tensors of its source, which must outlive it.
using TensorsByName = std::unordered_map<std::string_view, const at::Tensor*>;

// Modules with their names in a checkpoint, the network first.
using NamedModules = std::vector<std::pair<std::string, std::shared_ptr<torch::nn::Module>>>;

// The network's name among them.
inline constexpr std::string_view kNetwork = "network";

// The path of a part ("model", "ema", "exp_avg", "exp_avg_sq") of a module: "ema" for the network's,
// "modules/NAME/ema" for another's.
std::string section_path(std::string_view module, std::string_view part);

// A dict inside the checkpoint: "model", "modules/NAME/model", ... Throws Error naming the file if it is
// missing.
const ValueDict& section(const Checkpoint& checkpoint, const std::string& path);

// A section's tensors in the order of `targets`. Throws Error listing the first differences (missing,
// unexpected, other shape) if names or shapes differ.
std::vector<at::Tensor> section_tensors(const Checkpoint& checkpoint, const std::string& path,
                                        const NamedTensors& targets);

// Adds a section at the end, creating the dicts on its path.
void add_section(ValueDict& root, const std::string& path, const NamedTensors& tensors);

// A module's parameters in their order.
NamedTensors named_parameters(const torch::nn::Module& module);

// {name: tensor} for writing.
ValueDict to_dict(const NamedTensors& named);

// Loads a module's EMA or raw weights. Throws Error as section_tensors() does.
void load_module(const Checkpoint& checkpoint, std::string_view name, bool use_ema,
                 torch::nn::Module& module);

// Builds the checkpoint's network, with its EMA or raw weights.
std::shared_ptr<Network> load_network(const Checkpoint& checkpoint, bool use_ema);

}  // namespace diffuse
