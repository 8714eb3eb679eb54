// What model.pt holds, by name, and how a network comes out of it.
//
//   format "diffuse", version 1, config (JSON text), step, samples (drawn so far: the data cursor)
//   model, ema, exp_avg, exp_avg_sq: {parameter name: tensor}, the network's weights, their averages and
//     Adam's two moments
//   modules {module name: {model, ema, exp_avg, exp_avg_sq}}: the same of each further module; absent where
//     the network is the only one. Parameters that are not trained have no moments.
//   counters {optimizer_updates, skipped_updates, loss_scale, loss_scale_growth}, timestep_sampler
//
// A model without its training has "model" and "ema" alone.
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

// Reads a checkpoint file, or model.pt of a run folder. Throws Error naming the file.
Checkpoint load_checkpoint(const std::filesystem::path& path);

// The same from what the file holds.
Checkpoint parse_checkpoint(const std::filesystem::path& file, ValueDict root);

// The first part of a training that is missing; "" where training can go on.
std::string missing_training_part(const ValueDict& root);

// Whether it holds the state of a training, not the weights alone, as a converted model does.
bool holds_training(const Checkpoint& checkpoint);

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// To look up many; names and tensors are those of what it was made from, which must outlive it.
using TensorsByName = std::unordered_map<std::string_view, const at::Tensor*>;

// Modules under the names that a checkpoint has for them, the network first.
using NamedModules = std::vector<std::pair<std::string, std::shared_ptr<torch::nn::Module>>>;

// The network's name among them.
inline constexpr std::string_view kNetwork = "network";

// Where a part ("model", "ema", "exp_avg", "exp_avg_sq") of a module is: "ema" for the network's,
// "modules/NAME/ema" for another's.
std::string section_path(std::string_view module, std::string_view part);

// A dict inside the checkpoint: "model", "modules/NAME/model", ... Throws Error naming the file when
// it is not there.
const ValueDict& section(const Checkpoint& checkpoint, const std::string& path);

// A section's tensors in the order of `targets`. Throws Error listing the first differences
// (missing, unexpected, other shape) when the two do not match one to one.
std::vector<at::Tensor> section_tensors(const Checkpoint& checkpoint, const std::string& path,
                                        const NamedTensors& targets);

// Adds a section at the end, with the dicts around it.
void add_section(ValueDict& root, const std::string& path, const NamedTensors& tensors);

// A module's parameters in their order.
NamedTensors named_parameters(const torch::nn::Module& module);

// {name: tensor} for writing.
ValueDict to_dict(const NamedTensors& named);

// Gives a module its EMA weights or its raw ones. Throws Error as section_tensors() does.
void load_module(const Checkpoint& checkpoint, std::string_view name, bool use_ema,
                 torch::nn::Module& module);

// Builds the network a checkpoint describes, with its EMA weights or its raw ones.
std::shared_ptr<Network> load_network(const Checkpoint& checkpoint, bool use_ema);

}  // namespace diffuse
