// Where the parts of a diffusers folder are.
#pragma once

#include <filesystem>

namespace diffuse {

inline constexpr const char* kDiffusersWeights = "diffusion_pytorch_model.safetensors";

struct DiffusersFiles {
  std::filesystem::path weights;    // .safetensors, .bin or the index of several; empty = none
  std::filesystem::path config;     // config.json beside them, which may be missing
  std::filesystem::path scheduler;  // scheduler_config.json; empty = none
};

// The parts of a model folder, a pipeline's folder, a training checkpoint's, or of a file of weights.
// Where weights are there averaged and raw (unet_ema and unet, or variants named ema and non_ema),
// use_ema decides. A choice among several, or a variant, is logged. Throws Error where the pipeline
// draws something else than images with the UNet alone.
DiffusersFiles find_diffusers_files(const std::filesystem::path& path, bool use_ema);

}  // namespace diffuse
