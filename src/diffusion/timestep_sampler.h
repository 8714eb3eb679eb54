// Each training sample's timestep, and the weight that keeps the mean loss unbiased:
// E[weight · loss(t)] = (1/T) Σ_t loss(t) for each sampler.
//
//   uniform     t uniform for each sample                                          [Ho20] Algorithm 1
//   stratified  one t from each of B equal parts of 0 .. T−1, so that a batch covers all times:
//               t_i = ⌊T · frac(u + i/B)⌋ with one u per step                      [Kingma21] app. I.1
//   log_normal, logit_normal   for continuous time: see time_law.h
//   importance  p_t ∝ √E[loss²] over the last 10 losses at t, mixed with 0.001 of uniform;
//               uniform until every t has 10                                      [Nichol21] sec. 3.3
//
// A sample's t is a function of (seed, its global number g, the global batch B) and, for importance, of the
// losses observed before its step. It does not depend on how a batch is split over ranks and micro-batches.
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
  at::Tensor t;       // [count] on the CPU: int64 rows of a chain, float64 if time is continuous
  at::Tensor weight;  // float32 [count] on the CPU
};

class TimestepSampler {
 public:
  TimestepSampler(const DiffusionConfig& config, uint64_t seed);

  // For global samples first_sample .. first_sample + count − 1, all in one step: step s has the samples from
  // s · global_batch on.
  TimestepDraw draw(int64_t first_sample, int64_t count, int64_t global_batch);

  // t [n] and unweighted losses [n], in sample order, of all ranks; importance uses them for later steps, the
  // others ignore them. Losses that are not finite are skipped.
  void observe(const at::Tensor& t, const at::Tensor& losses);

  // Whether observe() uses the losses.
  bool learns() const { return kind_ == TimestepLaw::kImportance; }

  // p_t [T] float64 of the next step.
  at::Tensor probabilities() const;

  // The live tensors for a checkpoint; empty unless importance.
  std::vector<std::pair<std::string, at::Tensor>> state() const;

 private:
  double stratified(int64_t sample, int64_t global_batch) const;
  TimestepDraw draw_continuous(int64_t first_sample, int64_t count, int64_t global_batch) const;

  TimestepLaw kind_;
  std::optional<TimeLaw> law_;  // for continuous time
  int64_t timesteps_;
  uint64_t seed_;
  at::Tensor history_;  // [T, 10] float64, oldest first
  at::Tensor count_;    // [T] int64: the number of losses stored, at most 10

  // Importance: p and its running sum, fixed for the samples of one step.
  int64_t step_ = -1;
  std::vector<double> p_, cumulative_;
};

}  // namespace diffuse
