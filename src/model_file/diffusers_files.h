// Finds the parts of a diffusers folder.
#pragma once

#include <filesystem>
#include <string>

namespace diffuse {

inline constexpr const char* kDiffusersWeights = "diffusion_pytorch_model.safetensors";

struct DiffusersFiles {
  std::filesystem::path weights;    // .safetensors, .bin or the index of several; empty = none
  std::filesystem::path config;     // config.json beside them; may be missing
  std::filesystem::path scheduler;  // scheduler_config.json; empty = none
};

// The parts of a model folder, a pipeline's folder, a training checkpoint's, or of a file of weights. If both
// averaged and raw weights exist (unet_ema and unet, or variants named ema and non_ema), use_ema decides. A
// choice among several, or of a variant, is logged. Throws Error if the pipeline generates anything other
// than images with only the UNet.
DiffusersFiles find_diffusers_files(const std::filesystem::path& path, bool use_ema);

// The kind of weights in such a file by its name and folder (model_files.h).
std::string kind_of_name(const std::filesystem::path& weights);

}  // namespace diffuse
