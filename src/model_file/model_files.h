// Models of other programs as checkpoints, and the way back. Only tensors and plain values are
// read: loading a file runs no code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "diffuse/model_file/checkpoint.h"

namespace diffuse {

// What a file cannot say about its model.
struct ForeignOptions {
  int64_t image_size = 0;  // pixels a side; state dicts want it, and a null sample_size
  std::vector<std::string> overrides{};  // "model.attention_heads=8", as --set
  bool use_ema = true;                   // of a file that has both
};

// Hugging Face diffusers' UNet2DModel: a folder with config.json and weights
// (diffusion_pytorch_model.safetensors or .bin, one of their variants, or several with their index),
// such a folder within a pipeline's or a training checkpoint's (unet, unet_ema), or the file of weights
// itself beside its config.json; scheduler_config.json beside it, or in the pipeline's scheduler/.
// Judged by the names alone.
bool is_diffusers_model(const std::filesystem::path& path);

Checkpoint read_diffusers_model(const std::filesystem::path& path,
                                const ForeignOptions& options = {});

// Writes config.json, scheduler_config.json and diffusion_pytorch_model.safetensors into a folder.
// `weights` have our names, which are theirs. Throws Error naming the field of the config that has
// no counterpart there; nothing is written then.
void write_diffusers_model(const std::filesystem::path& folder, const Checkpoint& checkpoint,
                           const NamedTensors& weights);

// What torch.save wrote of a state dict, in the layout of [Ho20]'s PyTorch translations or of
// improved-diffusion. The sizes of the network are read off the tensors; what is not in them follows
// from the layout's own program, unless the options say otherwise.
Checkpoint read_state_dict(const std::filesystem::path& file, const Value& contents,
                           const ForeignOptions& options);

// What a checkpoint file holds of a model without the state of its training.
ValueDict model_root(const Config& config, int64_t step, const NamedTensors& weights);

// Any of these, or our own checkpoint or run folder.
Checkpoint load_model_file(const std::filesystem::path& path, const ForeignOptions& options = {});

}  // namespace diffuse
