#include "src/eval/inception_score.h"

#include <ATen/ATen.h>

#include "diffuse/core/error.h"

namespace diffuse {

InceptionScore::InceptionScore(int64_t n, int64_t splits) : n_(n), splits_(splits) {
  if (splits < 1 || n < splits)
    throw Error("Inception Score: expected at least one sample per split, got ", n, " samples in ",
                splits, " splits");
  count_ = at::zeros({splits}, at::kDouble);
  neg_entropy_ = at::zeros({splits}, at::kDouble);
}

void InceptionScore::add(int64_t first, const at::Tensor& probabilities) {
  const at::Tensor p = probabilities.to(at::kCPU, at::kDouble);
  if (!sum_.defined()) sum_ = at::zeros({splits_, p.size(1)}, at::kDouble);
  const at::Tensor i = at::arange(first, first + p.size(0), at::kLong);
  const at::Tensor split = at::floor_divide((i + 1) * splits_ - 1, n_);
  count_.index_add_(0, split, at::ones({p.size(0)}, at::kDouble));
  sum_.index_add_(0, split, p);
  neg_entropy_.index_add_(0, split, at::xlogy(p, p).sum(1));
}

void InceptionScore::merge(const InceptionScore& other) {
  TORCH_CHECK(n_ == other.n_ && splits_ == other.splits_, "scores with different splits");
  if (!other.sum_.defined()) return;
  if (!sum_.defined()) sum_ = at::zeros_like(other.sum_);
  count_ += other.count_;
  sum_ += other.sum_;
  neg_entropy_ += other.neg_entropy_;
}

// E KL(p || mean p) = E sum p log p - sum mean p log mean p.
InceptionScore::Result InceptionScore::result() const {
  TORCH_CHECK(count_.sum().item<double>() == static_cast<double>(n_), "not all samples were added");
  const at::Tensor mean = sum_ / count_.unsqueeze(1);
  const at::Tensor scores = (neg_entropy_ / count_ - at::xlogy(mean, mean).sum(1)).exp();
  return {scores.mean().item<double>(), scores.std(/*unbiased=*/false).item<double>()};
}

}  // namespace diffuse
