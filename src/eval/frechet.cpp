#include "src/eval/frechet.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "diffuse/core/error.h"

namespace diffuse {

void FeatureSums::add(const at::Tensor& features) {
  const at::Tensor x = features.to(at::kCPU, at::kDouble);
  if (count_ == 0) {
    sum_ = at::zeros({x.size(1)}, at::kDouble);
    products_ = at::zeros({x.size(1), x.size(1)}, at::kDouble);
  }
  count_ += x.size(0);
  sum_ += x.sum(0);
  products_.addmm_(x.t(), x);
}

void FeatureSums::merge(const FeatureSums& other) {
  if (other.count_ == 0) return;
  if (count_ == 0) {
    sum_ = at::zeros_like(other.sum_);
    products_ = at::zeros_like(other.products_);
  }
  count_ += other.count_;
  sum_ += other.sum_;
  products_ += other.products_;
}

GaussianStatistics FeatureSums::statistics() const {
  if (count_ < 2) throw Error("a covariance needs at least 2 samples, got ", count_);
  const auto n = static_cast<double>(count_);
  const at::Tensor mean = sum_ / n;
  return {mean, (products_ - n * at::outer(mean, mean)) / (n - 1)};
}

static void check(const GaussianStatistics& s, const char* which) {
  const bool square = s.mean.dim() == 1 && s.covariance.dim() == 2 &&
                      s.covariance.size(0) == s.mean.size(0) &&
                      s.covariance.size(1) == s.mean.size(0);
  if (!square)
    throw Error("Frechet distance: the ", which, " set has a mean of ", s.mean.sizes(),
                " and a covariance of ", s.covariance.sizes(), "; expected [D] and [D, D]");
  if (!s.mean.isfinite().all().item<bool>() || !s.covariance.isfinite().all().item<bool>())
    throw Error("Frechet distance: the statistics of the ", which, " set are not all finite");
}

// Eigenvalues [D]; throws Error if one is more negative than rounding can explain.
static at::Tensor checked(const at::Tensor& eigenvalues, const char* what) {
  const double least = eigenvalues.min().item<double>();
  const double largest = eigenvalues.abs().max().item<double>();
  if (least < -1e-6 * largest)
    throw Error("Frechet distance: ", what, " has the eigenvalue ", least,
                ", but none may be negative (the largest is ", largest, ")");
  return eigenvalues.clamp_min(0);
}

double frechet_distance(const GaussianStatistics& a, const GaussianStatistics& b) {
  check(a, "first");
  check(b, "second");
  if (a.mean.size(0) != b.mean.size(0))
    throw Error("Frechet distance: features of ", a.mean.size(0), " and of ", b.mean.size(0),
                " dimensions; both sets need the same feature network");
  const auto [values, vectors] = at::linalg_eigh(a.covariance);
  checked(at::linalg_eigvalsh(b.covariance), "the second covariance");
  const at::Tensor root =
      (vectors * checked(values, "the first covariance").sqrt()).mm(vectors.t());
  const at::Tensor product = root.mm(b.covariance).mm(root);
  const at::Tensor squares =
      checked(at::linalg_eigvalsh((product + product.t()) / 2), "the product");
  const double distance = ((a.mean - b.mean).square().sum() + a.covariance.trace() +
                           b.covariance.trace() - 2 * squares.sqrt().sum())
                              .item<double>();
  return std::max(distance, 0.0);  // equal sets differ by rounding
}

}  // namespace diffuse
