#include "src/train/learned_weighting.h"

#include <ATen/ATen.h>

#include "src/model/embedding.h"

namespace diffuse {

static constexpr int64_t kWidth = 64;

LearnedWeighting::LearnedWeighting(double time_scale)
    : time_scale_(time_scale),
      weight_(register_parameter("weight", at::zeros({kWidth}))),
      bias_(register_parameter("bias", at::zeros({}))) {}

at::Tensor LearnedWeighting::forward(const at::Tensor& losses, const at::Tensor& told) const {
  const at::Tensor sinusoids =
      sinusoidal_embedding(told.to(at::kFloat) * time_scale_, kWidth, false, 1);
  const at::Tensor u = sinusoids.matmul(weight_) + bias_;
  return losses * (-u).exp() + u;
}

}  // namespace diffuse
