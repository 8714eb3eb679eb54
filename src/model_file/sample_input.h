// Input samples of the editing commands, from pictures and arrays.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "diffuse/model_file/model.h"

namespace diffuse {

// "images", "signals" or "points".
std::string kind_of(const Model& model);

// [B, shape...] from an array of one sample or several; images may have channels last, grey ones no channels.
// Undefined if x is none of these.
at::Tensor as_batch(const at::Tensor& x, at::IntArrayRef shape);

// x_T of --noise [N, shape...], float32. Throws Error naming the file.
at::Tensor load_noise(const std::filesystem::path& file, const std::vector<int64_t>& shape);

// A picture or .npy -> float32 [B, sample shape...] in the data's units on the CPU; B = 1 for a picture.
// Nothing is resized. Floats are not scaled, bytes are images from 0 to 255. Throws Error naming the flag and
// the file if type, size or channels do not fit the model, or a number is not finite.
at::Tensor load_samples(const std::string& flag, const std::filesystem::path& file,
                        const Model& model);

// Throws Error if a number of x [B, ...] is not finite, naming the first such sample after `name`.
void check_finite(const std::string& name, const at::Tensor& x);

// Throws Error if x, in the data's units, exceeds +-`limit` in the network's.
void check_range(const std::string& flag, const std::filesystem::path& file, const at::Tensor& x,
                 const Model& model, double limit);

// The largest magnitude in a model's samples, in the network's units: 1 for images with clipped x_0, plus
// some rounding; no limit for others.
double largest_number(const Model& model, const SampleConfig& config);

// Exactly one sample within that range: [1, sample shape...].
at::Tensor load_sample(const std::string& flag, const std::filesystem::path& file,
                       const Model& model, const SampleConfig& config);

}  // namespace diffuse
