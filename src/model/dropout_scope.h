// The random streams of dropout: what is zeroed is then a function of (seed, sample, layer), independent of
// the batch size and the numbers of processes and threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "diffuse/core/random_tensor.h"

namespace diffuse {

// While one exists, dropout on this thread uses the streams of its keys: key b is row b's sample.
class DropoutScope {
 public:
  using Keys = std::shared_ptr<const std::vector<StreamKey>>;

  // `rows`: the keys as cuda::key_rows() makes them, on the device that draws; undefined: copied
  // there when they are first needed. With `rows` alone, `keys` may be null.
  explicit DropoutScope(Keys keys, at::Tensor rows = {});
  ~DropoutScope();
  DropoutScope(const DropoutScope&) = delete;
  DropoutScope& operator=(const DropoutScope&) = delete;

  static Keys current();  // null outside of a scope
  static at::Tensor rows_on(
      c10::Device device);  // [B, 2] on the device; undefined outside of a scope

 private:
  Keys outer_;
  at::Tensor outer_rows_;
};

}  // namespace diffuse
