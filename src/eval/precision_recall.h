// Precision and recall of two sets of features ([Kynkaanniemi19]): the share of samples on the data's
// manifold, and the share of data on the samples' manifold.
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

// samples [N, D], data [M, D]. A set's manifold is the union of balls around its features, each with the
// distance to the k-th nearest other feature as radius. Distances in float32, by blocks of rows.
PrecisionRecall precision_recall(const at::Tensor& samples, const at::Tensor& data,
                                 const PrecisionRecallOptions& options = {});

}  // namespace diffuse
