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
#include "sample_output.h"
#include "sampler_flags.h"

namespace diffuse::cli {

struct EditFlags {
  ModelFlags model{};
  std::filesystem::path out{}, strip{};
  SamplerFlags sampler{};
  std::optional<std::string> class_name{};
  uint64_t seed = 0;
  MachineFlags machine{};

  void add_to(CLI::App& command);
  void add_strip_to(CLI::App& command);
};

// A loaded model and how it is to be used.
struct Editor {
  Model model;
  GaussianDiffusion diffusion;
  SampleConfig config;  // the model's, with the flags over it
  SamplerOptions sampler;
  std::vector<int64_t> classes;  // which the samples take in turn; empty = none
  c10::Device device;

  // Throws Error naming the flag that does not fit the model.
  static Editor open(const CLI::App& command, const EditFlags& flags);

  const NoiseSchedule& schedule() const { return diffusion.schedule(); }
  const std::vector<int64_t>& shape() const { return model.config.model.sample_shape; }

  // For samples `first` .. , along all of the sampler's timesteps.
  GenerateOptions options(int64_t rows, int64_t first = 0) const;

  // The same for the reverse process from timestep `t` on.
  GenerateOptions options_from(int64_t t, int64_t rows) const;
};

// Where `count` results go; throws Error where they cannot. Of one image, a .png is just its pixels.
SampleOutput open_output(const CLI::App& command, const EditFlags& flags, const Editor& editor,
                         int64_t count);

// An image [C, H, W] enlarged for a strip or a table.
Image tile(const at::Tensor& image);

// Pictures side by side, each below its caption; nothing where no file is named.
using Captioned = std::pair<std::string, at::Tensor>;  // [C, H, W]
void write_strip(const std::filesystem::path& file, const std::vector<Captioned>& pictures);

}  // namespace diffuse::cli
