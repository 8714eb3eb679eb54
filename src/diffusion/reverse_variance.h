// The variance of a reverse step p_θ(x_{t'} | x_t).
#pragma once

#include <string>

#include "diffuse/diffusion/bound_terms.h"
#include "src/diffusion/transition.h"

namespace diffuse {

class ReverseVariance {
 public:
  // fixed_large (`added`), fixed_small (the posterior's), learned (the network's logarithm of it),
  // learned_range (in logarithms between the last two). Throws Error naming /diffusion/variance.
  explicit ReverseVariance(const std::string& kind);

  bool learned() const { return kind_ >= Kind::kLearned; }

  // log σ² of a fixed variance, [B]. `first` if the step ends at the data.
  at::Tensor fixed_log(const Transition& step, double first) const;

  // Sets `reverse`'s variances. raw [B, C, ...]: the network's variance channels, undefined if they are
  // fixed; x: shaped like the samples.
  void fill(Gaussian& reverse, const Transition& step, double first, const at::Tensor& raw,
            const at::Tensor& x) const;

 private:
  enum class Kind { kFixedLarge, kFixedSmall, kLearned, kLearnedRange };

  Kind kind_;
};

}  // namespace diffuse
