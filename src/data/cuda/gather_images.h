// Batches of 8-bit images that are kept on the card.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/MemoryFormat.h>
#include <c10/core/ScalarType.h>

namespace diffuse::cuda {

// Whether the device has the kernel for images of this type.
bool gathers_images(c10::Device device, c10::ScalarType type);

// pixels uint8 [N, C, H, W], contiguous, and items int64 [B], each 0 ... N - 1, -> [B, C, H, W] in [-1, 1], of
// `type` (float32, bfloat16 or half) and layout `format`: the numbers of Dataset::gather. keys int64 [B, 2] as
// cuda::key_rows() makes them, or undefined: mirrors the images that BatchLoader mirrors for the samples of these
// keys. All tensors are on one device. Items are not checked.
at::Tensor gather_images(const at::Tensor& pixels, const at::Tensor& items, const at::Tensor& keys,
                         c10::ScalarType type, c10::MemoryFormat format);

}  // namespace diffuse::cuda
