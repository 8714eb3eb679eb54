// What model.pt holds, by name, and how a network comes out of it.
//
//   format "diffuse", version 1, config (JSON text), step, samples (drawn so far: the data cursor)
//   model, ema, exp_avg, exp_avg_sq: {parameter name: tensor}
//   counters {optimizer_updates, skipped_updates, loss_scale, loss_scale_growth}, timestep_sampler
//
// The random streams are functions of (seed, purpose, sample number or step), so config.seed and
// step are their whole state.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "diffuse/config/config.h"
#include "diffuse/io/checkpoint_file.h"
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

// Whether it holds the state of a training, not the weights alone, as a converted model does.
bool holds_training(const Checkpoint& checkpoint);

// checkpoints/step-N.pt of a run folder by N, newest first.
std::map<int64_t, std::filesystem::path, std::greater<>> numbered_checkpoints(
    const std::filesystem::path& run_folder);

// The newest checkpoint of a run folder that training can go on from: model.pt, else the highest
// checkpoints/step-N.pt; a damaged file and one without a training state are passed over with a
// warning. Empty when the folder has none. Throws Error where all are such and where one is of another
// version or with a config that this program does not know, std::runtime_error where the system cannot
// read one.
std::filesystem::path newest_checkpoint(const std::filesystem::path& run_folder);

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// To look up many; names and tensors are those of what it was made from, which must outlive it.
using TensorsByName = std::unordered_map<std::string_view, const at::Tensor*>;

// A dict inside the checkpoint: "model", "ema", ... Throws Error naming the file when
// it is not there.
const ValueDict& section(const Checkpoint& checkpoint, const std::string& key);

// A section's tensors in the order of `targets`. Throws Error listing the first differences
// (missing, unexpected, other shape) when the two do not match one to one.
std::vector<at::Tensor> section_tensors(const Checkpoint& checkpoint, const std::string& key,
                                        const NamedTensors& targets);

// The network's parameters in their order.
NamedTensors named_parameters(const torch::nn::Module& module);

// {name: tensor} for writing.
ValueDict to_dict(const NamedTensors& named);

// Throws Error naming the first field of the model or diffusion section in which they differ.
void check_same_model(const Config& wanted, const Checkpoint& checkpoint);

// Builds the network a checkpoint describes, with its EMA weights or its raw ones.
std::shared_ptr<Network> load_network(const Checkpoint& checkpoint, bool use_ema);

}  // namespace diffuse
