// The variance of a reverse step p_θ(x_{t'} | x_t).
#pragma once

#include "diffuse/diffusion/bound_terms.h"
#include "src/diffusion/transition.h"

namespace diffuse {

class ReverseVariance {
 public:
  // fixed_large (`added`), fixed_small (the posterior's), learned (the network's logarithm of it),
  // learned_range (in logarithms between the last two).
  explicit ReverseVariance(VarianceKind kind) : kind_(kind) {}

  bool learned() const { return kind_ >= VarianceKind::kLearned; }

  // log σ² of a fixed variance, [B]. `first` if the step ends at the data.
  at::Tensor fixed_log(const Transition& step, double first) const;

  // Sets `reverse`'s variances. raw [B, C, ...]: the network's variance channels, undefined if they are
  // fixed; x: shaped like the samples.
  void fill(Gaussian& reverse, const Transition& step, double first, const at::Tensor& raw,
            const at::Tensor& x) const;

 private:
  VarianceKind kind_;
};

}  // namespace diffuse
