// Samples as pictures.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "diffuse/config/config.h"
#include "src/pictures/image_file.h"

namespace diffuse {

// A batch of samples of a kind, in the units of `data`, as one picture: a grid of images, curves of signals,
// or a scatter plot of points, `size` pixels wide and high.
Image picture_of(const at::Tensor& x, SampleKind kind, const DataConfig& data = {},
                 int64_t size = 512);

// Samples x [N K, shape...] in N rows behind their conditions [N, shape...], likewise.
Image picture_of_rows(const at::Tensor& conditions, const at::Tensor& x, SampleKind kind,
                      const DataConfig& data);

// K frames of N samples [N, K, shape...]: a row of frames for each image or signal, a path for each point.
Image picture_of_frames(const at::Tensor& frames, SampleKind kind, const DataConfig& data);

}  // namespace diffuse
