// What the commands that edit images with a trained model share.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common.h"
#include "diffuse/diffusion/gaussian_diffusion.h"
#include "diffuse/sample/generate.h"

namespace diffuse::cli {

struct EditFlags {
  std::filesystem::path checkpoint{}, out{}, strip{};
  std::optional<int64_t> steps{}, label{};
  std::optional<double> guidance{};
  uint64_t seed = 0;
  bool no_ema = false;
  MachineFlags machine{};

  // `steps_name`: the flag for the reverse steps.
  void add_to(CLI::App& command, const std::string& steps_name = "--steps");
};

// A loaded model and how it is to be used.
struct Editor {
  Model model;
  GaussianDiffusion diffusion;
  SampleConfig config;  // the model's, with --steps and --guidance
  std::optional<int64_t> label;
  c10::Device device;

  // Throws Error naming the flag that does not fit the model.
  static Editor open(const EditFlags& flags);

  int64_t timesteps() const { return diffusion.schedule().timesteps(); }
  const std::vector<int64_t>& shape() const { return model.config.model.sample_shape; }

  // For `rows` samples, along the whole of the sampler's timesteps.
  GenerateOptions options(int64_t rows) const;

  // The same for the reverse process from timestep `first` on.
  GenerateOptions options_from(int64_t first, int64_t rows) const;
};

// PNG, JPEG or float32 .npy -> float32 [B, sample shape...] on the CPU; a picture is B = 1. Nothing
// is resized. Throws Error naming the flag and the file where size or channels are not the model's.
at::Tensor load_samples(const std::string& flag, const std::filesystem::path& file,
                        const Model& model);

// The same for exactly one sample: [1, sample shape...].
at::Tensor load_sample(const std::string& flag, const std::filesystem::path& file,
                       const Model& model);

// How an output is to be written: refused before any work where it cannot be.
void check_edit_output(const std::filesystem::path& out, const Model& model);

// x [B, ...] in the form that the name asks for. One picture is written as it is, several as a grid.
void write_edit(const std::filesystem::path& out, const at::Tensor& x, const Model& model);

// An image [C, H, W] enlarged for a strip or a table.
Image tile(const at::Tensor& image);

// Pictures side by side; nothing where `file` is empty or these are points.
using Captioned = std::pair<std::string, at::Tensor>;  // [C, H, W]
void write_strip(const std::filesystem::path& file, const std::vector<Captioned>& pictures);

}  // namespace diffuse::cli
