// The conditions of `diffuse sample --condition` and the C interface, from pictures and arrays.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "diffuse/model_file/model.h"

namespace diffuse {

// N conditions; none if `rows` is undefined.
struct GivenConditions {
  at::Tensor rows{};  // float32 [N, ...]: Conditioning::condition
  at::Tensor
      shown{};  // the same as samples in the data's units, for pictures; undefined for vectors

  int64_t count() const { return rows.defined() ? rows.size(0) : 1; }
};

// A picture, a folder of pictures in the order of their names, or a .npy or .npz with one condition or several:
//   downscale  images of 1/factor of the model's size, or of its full size, which are scaled down first
//   grey       grey images, or coloured ones of which the luminance is used
//   mask       samples with unknown parts: transparent in pictures, NaN in arrays
//   image      as stored with the training data
//   vector     N x D numbers
// None for an empty path, which only models that can do without accept. Throws Error naming `by` and the file if
// they do not fit the model. Logs what is not obvious.
GivenConditions load_conditions(const std::filesystem::path& path, const Model& model,
                                const std::string& by = "--condition");

// Likewise of an array in memory.
GivenConditions conditions_of(const at::Tensor& numbers, const Model& model, const std::string& by);

}  // namespace diffuse
