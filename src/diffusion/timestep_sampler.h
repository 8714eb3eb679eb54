// Which timestep each training sample gets, and the weight that keeps the mean loss unbiased:
// E[weight · loss(t)] = (1/T) Σ_t loss(t) for each sampler.
//
//   uniform     t uniform for each sample                                          [Ho20] Algorithm 1
//   stratified  one t from each of B equal parts of 0 .. T−1, so that a batch covers all times:
//               t_i = ⌊T · frac(u + i/B)⌋ with one u a step                        [Kingma21] app. I.1
//   log_normal, logit_normal   of continuous time: see time_law.h
//   importance  p_t ∝ √E[loss²] over the last 10 losses at t, with a thousandth of uniform;
//               uniform until every t has 10                                      [Nichol21] sec. 3.3
//
// A sample's t is a function of (seed, its global number g, the global batch B) and, for importance,
// of the losses observed before its step: how a batch is split over ranks and micro-batches does not
// matter.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "diffuse/config/config.h"
#include "src/diffusion/time_law.h"

namespace diffuse {

struct TimestepDraw {
  at::Tensor t;       // [count] on the CPU: int64 rows of a chain, float64 where time is continuous
  at::Tensor weight;  // float32 [count] on the CPU
};

class TimestepSampler {
 public:
  TimestepSampler(const DiffusionConfig& config, uint64_t seed);

  // For global samples first_sample .. first_sample + count − 1, all of one step: step s holds the
  // samples from s · global_batch.
  TimestepDraw draw(int64_t first_sample, int64_t count, int64_t global_batch);

  // t [n] and unweighted losses [n], in sample order, those of every rank; importance learns from
  // them for later steps, the others ignore them. Losses that are not finite are skipped.
  void observe(const at::Tensor& t, const at::Tensor& losses);

  // Whether observe() has a use for the losses.
  bool learns() const { return kind_ == TimestepLaw::kImportance; }

  // p_t [T] float64 of the next step.
  at::Tensor probabilities() const;

  // The live tensors a checkpoint keeps; empty unless importance.
  std::vector<std::pair<std::string, at::Tensor>> state() const;

 private:
  double stratified(int64_t sample, int64_t global_batch) const;
  TimestepDraw draw_continuous(int64_t first_sample, int64_t count, int64_t global_batch) const;

  TimestepLaw kind_;
  std::optional<TimeLaw> law_;  // of continuous time
  int64_t timesteps_;
  uint64_t seed_;
  at::Tensor history_;  // [T, 10] float64, oldest first
  at::Tensor count_;    // [T] int64: how many of the ten are there

  // Importance: p and its running sum, fixed for the samples of one step.
  int64_t step_ = -1;
  std::vector<double> p_, cumulative_;
};

}  // namespace diffuse
