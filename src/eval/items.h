// The items of an evaluation, their noise, and the network in float64.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "diffuse/core/random_tensor.h"
#include "diffuse/data/dataset.h"
#include "diffuse/diffusion/gaussian_diffusion.h"
#include "diffuse/eval/evaluation.h"
#include "diffuse/model/network.h"

namespace diffuse {

// Purposes of random numbers: evaluations share Purpose::kEvaluation, with step t plus one of these.
enum class Draw : uint32_t {
  kForward = 0,
  kPosterior = 1u << 28,
  kTimestep = 2u << 28,
  kDequantise = 3u << 28,
  kProbe = 4u << 28,
  kSubset = 5u << 28,
  kDirection = 6u << 28,
};

uint32_t step_of(Draw draw, int64_t t = 0);

struct Items {
  at::Tensor x0;                // float64 [N, ...] on the device
  Conditioning given;           // on the device
  std::vector<StreamKey> keys;  // of their noise: (seed, index in the set)

  int64_t size() const { return x0.size(0); }
};

int64_t item_count(const Dataset& data, const EvaluationOptions& options);

// Items first .. first + count - 1 of those chosen by the options. Throws Error if their condition is a mask.
Items load_items(const Dataset& data, const EvaluationOptions& options, int64_t first,
                 int64_t count);

// The same, masks included, for metrics of what these hide.
Items load_partly_known(const Dataset& data, const EvaluationOptions& options, int64_t first,
                        int64_t count);

// Calls `use` with the float64 result of `measure` for items first .. first + count - 1: of this process's
// share of n items, or with options.queue of all. `name` names the files there; it must contain everything
// besides data, model and seed that affects the figures.
void measure_parts(const EvaluationOptions& options, const std::string& name, int64_t n,
                   const std::function<at::Tensor(int64_t first, int64_t count)>& measure,
                   const std::function<void(const at::Tensor&)>& use);

// measure_parts() of float64 rows [count, row...], one for each item: those of all items in their order.
at::Tensor measure_rows(const EvaluationOptions& options, const std::string& name, int64_t n,
                        at::IntArrayRef row,
                        const std::function<at::Tensor(int64_t first, int64_t count)>& measure);

// The number of items of n that this process measures, or with options.queue may measure.
int64_t own_count(const EvaluationOptions& options, int64_t n);

// N(0, 1) like x0, whose rows are one item per key, from stream (key, steps[row]); float64 on x0's device.
at::Tensor noise_like(const at::Tensor& x0, std::span<const StreamKey> keys,
                      std::span<const uint32_t> steps);

// The network in its own precision, between tensors in float64: sums of a thousand terms of 1e-5
// would drown in the rounding of float32.
Denoiser in_double(Network& network, const GaussianDiffusion& diffusion, const Conditioning& given,
                   const EvaluationOptions& options);

// Those rows of what all are given.
Conditioning select_rows(const Conditioning& given, const at::Tensor& rows);

// Mean and standard error of values [N].
Estimate estimate(const at::Tensor& values);

}  // namespace diffuse
