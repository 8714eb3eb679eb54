#include "src/eval/kernel_distance.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "diffuse/core/error.h"
#include "items.h"
#include "mmd.h"

namespace diffuse {

double polynomial_mmd(const at::Tensor& x, const at::Tensor& y) {
  const auto dimensions = static_cast<double>(x.size(1));
  return unbiased_mmd(x.to(at::kDouble), y.to(at::kDouble),
                      [&](const at::Tensor& a, const at::Tensor& b) {
                        return (a.mm(b.t()) / dimensions + 1).pow(3);
                      });
}

// `size` rows of x: the beginning of a random permutation.
static at::Tensor choose(const at::Tensor& x, int64_t size, RandomStream& random) {
  std::vector<int64_t> rows(x.size(0));
  std::iota(rows.begin(), rows.end(), 0);
  for (int64_t i = 0; i < size; ++i) std::swap(rows[i], rows[i + random.below(x.size(0) - i)]);
  rows.resize(size);
  return x.index_select(0, at::tensor(rows));
}

KernelDistance kernel_distance(const at::Tensor& samples, const at::Tensor& data,
                               const KernelDistanceOptions& options) {
  if (options.subsets < 1 || options.subset_size < 2)
    throw Error("kernel distance: expected at least 1 subset of at least 2 samples, got ",
                options.subsets, " of ", options.subset_size);
  KernelDistance result;
  result.subset_size = std::min({options.subset_size, samples.size(0), data.size(0)});
  const bool whole = result.subset_size == std::max(samples.size(0), data.size(0));
  result.subsets = whole ? 1 : options.subsets;
  std::vector<double> distances;
  for (int64_t i = 0; i < result.subsets; ++i) {
    RandomStream random(options.seed, Purpose::kEvaluation, static_cast<uint64_t>(i),
                        step_of(Draw::kSubset));
    const at::Tensor x = choose(samples, result.subset_size, random);
    distances.push_back(polynomial_mmd(x, choose(data, result.subset_size, random)));
  }
  const at::Tensor all = at::tensor(distances, at::kDouble);
  result.mean = all.mean().item<double>();
  result.deviation = all.std(/*unbiased=*/false).item<double>();
  return result;
}

}  // namespace diffuse
