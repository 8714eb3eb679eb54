// The samples that the editing commands work on, from pictures and arrays.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>

#include "diffuse/model_file/model.h"

namespace diffuse {

// "images", "signals" or "points".
std::string kind_of(const Model& model);

// A picture or .npy -> float32 [B, sample shape...] in the data's units on the CPU; a picture is B = 1.
// Nothing is resized. Arrays of numbers are taken as they are, bytes as images from 0 to 255. Throws Error
// naming the flag and the file where type, size or channels are not the model's, or a number is not finite.
at::Tensor load_samples(const std::string& flag, const std::filesystem::path& file,
                        const Model& model);

// Throws where a number of x [B, ...] is not finite, naming the first such sample after `name`.
void check_finite(const std::string& name, const at::Tensor& x);

// Throws where a number of x, in the data's units, is farther from 0 than `limit` in the network's.
void check_range(const std::string& flag, const std::filesystem::path& file, const at::Tensor& x,
                 const Model& model, double limit);

// How far from 0 the numbers of a model's samples can be, in the network's units: 1 for images whose x_0
// is clipped, with some rounding, and any number for others.
double largest_number(const Model& model, const SampleConfig& config);

// Exactly one sample within that range: [1, sample shape...].
at::Tensor load_sample(const std::string& flag, const std::filesystem::path& file,
                       const Model& model, const SampleConfig& config);

}  // namespace diffuse
