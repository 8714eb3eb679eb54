// Models of other programs as checkpoints, and back. Only tensors and plain values are read: loading a file
// runs no code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "diffuse/model_file/checkpoint.h"

namespace diffuse {

// What a file does not store about its model, and what is not needed of it.
struct ForeignOptions {
  int64_t image_size = 0;  // height and width; needed for state dicts and a null sample_size
  std::vector<std::string> overrides{};  // "model.attention_heads=8", as --set
  bool use_ema = true;                   // of a file with both
  std::vector<std::string> unread{};     // as of read_torch_file()
};

// Hugging Face diffusers' UNet2DModel: a folder with config.json and weights
// (diffusion_pytorch_model.safetensors or .bin, one of their variants, or several with an index), such a
// folder in a pipeline's or training checkpoint's (unet, unet_ema), or the file of weights beside its
// config.json; scheduler_config.json beside it, or in the pipeline's scheduler/. Decided only by the names.
bool is_diffusers_model(const std::filesystem::path& path);

Checkpoint read_diffusers_model(const std::filesystem::path& path,
                                const ForeignOptions& options = {});

// Which weights a file holds that does not hold both the averaged and the raw ones.
inline constexpr const char* kAveragedWeights = "ema";
inline constexpr const char* kRawWeights = "raw";
inline constexpr const char* kStoredWeights = "stored";  // the file does not say which

// Writes config.json, scheduler_config.json and diffusion_pytorch_model.safetensors into a folder. `weights`
// have our names, which equal theirs; `kind` is one of the above. Throws Error naming a config field without
// a counterpart there; then nothing is written.
void write_diffusers_model(const std::filesystem::path& folder, const Checkpoint& checkpoint,
                           const NamedTensors& weights, const std::string& kind = kStoredWeights);

// A state dict saved by torch.save, in the layout of [Ho20]'s PyTorch translations or of improved-diffusion.
// The network's sizes are inferred from the tensors; other settings are the defaults of the layout's program,
// unless the options override them.
Checkpoint read_state_dict(const std::filesystem::path& file, const Value& contents,
                           const ForeignOptions& options);

// The contents of a checkpoint file without training state: one set of weights, of this kind.
ValueDict model_root(const Config& config, int64_t step, const NamedTensors& weights,
                     const std::string& kind = kStoredWeights);

// The kind of weights that load_network() takes. Throws Error if the raw ones are wanted of a file that holds
// only averaged ones.
std::string used_weights(const Checkpoint& checkpoint, bool use_ema);

// The sections of weights and moments in our own checkpoints without `kept`, "ema", "model" or "" for none: for
// ForeignOptions::unread.
std::vector<std::string> sections_except(std::string_view kept);

// Any of these, or our own checkpoint or run folder. There, overrides must equal what is stored.
Checkpoint load_model_file(const std::filesystem::path& path, const ForeignOptions& options = {});

}  // namespace diffuse
