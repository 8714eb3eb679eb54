// A data set's 8-bit images on the training device: the loader then sends numbers of items alone.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <memory>

#include "diffuse/data/dataset.h"
#include "src/data/batch_loader.h"

namespace diffuse {

class ResidentImages {
 public:
  // images: uint8 [N, C, H, W]
  ResidentImages(const at::Tensor& images, c10::Device device);

  // Copies the images of a set that holds bytes, if they take at most a quarter of the device's free memory;
  // null otherwise, and on the CPU.
  static std::unique_ptr<ResidentImages> of(const Dataset& data, c10::Device device);

  // The rows of a batch of items -> float32 [B, C, H, W] on the device, of the values that gather() gives.
  at::Tensor gather(const Batch& batch) const;

 private:
  at::Tensor by_operators(const Batch& batch) const;

  at::Tensor images_;  // uint8 [N, C, H, W]
  at::Tensor values_;  // float32 [256]: of each byte
};

}  // namespace diffuse
