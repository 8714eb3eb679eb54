// Dropout by counter-based streams: which activations are zeroed is a function of (seed, sample,
// layer), whatever the batch size, the number of processes and of threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "diffuse/core/random_tensor.h"

namespace diffuse {

// While one lives, dropout on this thread draws for the rows of a batch from the streams of its keys:
// key b is row b's sample.
class DropoutScope {
 public:
  using Keys = std::shared_ptr<const std::vector<StreamKey>>;

  explicit DropoutScope(Keys keys);
  ~DropoutScope();
  DropoutScope(const DropoutScope&) = delete;
  DropoutScope& operator=(const DropoutScope&) = delete;

  static Keys current();  // null outside of a scope

 private:
  Keys outer_;
};

// h [B, C, H, W], each number 0 with probability p and divided by 1 - p otherwise [Srivastava14]. In
// a DropoutScope on the CPU, word (y W + x) C + c of stream (key of the row, kDropout, step `layer`)
// decides for channel c of pixel (y, x); elsewhere LibTorch's generator does. Throws where the scope has
// another number of rows.
at::Tensor dropout(const at::Tensor& h, double p, uint32_t layer);

}  // namespace diffuse
