// Precision and recall of two sets of features ([Kynkaanniemi19]): the share of samples among the
// data, and the share of data among the samples.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <functional>

namespace diffuse {

struct PrecisionRecallOptions {
  int64_t neighbours = 3;
  c10::Device device = c10::kCPU;                               // of the distances
  std::function<void(int64_t done, int64_t total)> progress{};  // in rows of features
};

struct PrecisionRecall {
  double precision = 0;  // samples inside the manifold of the data
  double recall = 0;     // data inside the manifold of the samples
};

// samples [N, D], data [M, D]. A set's manifold is the union of the balls around its features that
// reach to the k-th nearest other one. Distances in float32, a block of rows at a time.
PrecisionRecall precision_recall(const at::Tensor& samples, const at::Tensor& data,
                                 const PrecisionRecallOptions& options = {});

}  // namespace diffuse
