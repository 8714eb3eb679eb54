// Shared by the commands that edit images with a trained model.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common.h"
#include "sampler_flags.h"
#include "src/model_file/sample_output.h"
#include "src/pictures/image_file.h"

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

// The model and its sampler options. Throws Error naming a flag that does not fit it.
std::pair<Model, Sampling> open_model(const EditFlags& flags);

// The output for `count` results; throws Error if it is unusable, and writes nothing yet. A .png of one image is exactly
// its pixels.
OutputOptions plan_output(const CLI::App& command, const EditFlags& flags, const Model& model,
                          const SampleConfig& config, int64_t count);

// The results x [N, ...], in the data's units, in the place of an earlier run's.
void write_output(const OutputOptions& output, const at::Tensor& x);

// An image [1, C, H, W] in the data's units enlarged for a strip or a table.
Image tile(const at::Tensor& image, const DataConfig& data);

// Pictures side by side with captions above; does nothing without a file name.
using Captioned = std::pair<std::string, Image>;
void write_strip(const std::filesystem::path& file, const std::vector<Captioned>& pictures);

}  // namespace diffuse::cli
