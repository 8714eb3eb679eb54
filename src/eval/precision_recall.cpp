#include "src/eval/precision_recall.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "diffuse/core/error.h"

namespace diffuse {

static constexpr int64_t kBlock = 512;

// Distance from each row of x [N, D] to its k-th nearest other row -> [N].
static at::Tensor radii(const at::Tensor& x, int64_t k, const std::function<void(int64_t)>& done) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& block : x.split(kBlock)) {
    parts.push_back(
        std::get<0>(at::cdist(block, x).kthvalue(k + 1)));  // the nearest is the row itself
    done(block.size(0));
  }
  return at::cat(parts);
}

// The share of `probes` inside any ball of `centres`.
static double covered(const at::Tensor& probes, const at::Tensor& centres, const at::Tensor& radius,
                      const std::function<void(int64_t)>& done) {
  int64_t inside = 0;
  for (const at::Tensor& block : probes.split(kBlock)) {
    inside += (at::cdist(block, centres) <= radius).any(1).sum().item<int64_t>();
    done(block.size(0));
  }
  return static_cast<double>(inside) / static_cast<double>(probes.size(0));
}

PrecisionRecall precision_recall(const at::Tensor& samples, const at::Tensor& data,
                                 const PrecisionRecallOptions& options) {
  const int64_t k = options.neighbours, n = samples.size(0), m = data.size(0);
  if (k < 1 || std::min(n, m) <= k)
    throw Error("precision and recall by ", k,
                " neighbours: expected at least 1 neighbour and more ",
                "samples than that on each side, got ", n, " and ", m);
  const at::Tensor x = samples.to(options.device, at::kFloat);
  const at::Tensor y = data.to(options.device, at::kFloat);
  int64_t done = 0;
  const auto advance = [&](int64_t rows) {
    done += rows;
    if (options.progress) options.progress(done, 2 * (n + m));
  };
  PrecisionRecall result;
  result.precision = covered(x, y, radii(y, k, advance), advance);
  result.recall = covered(y, x, radii(x, k, advance), advance);
  return result;
}

}  // namespace diffuse
