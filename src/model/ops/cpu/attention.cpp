#include "attention.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "jobs.h"
#include "product.h"
#include "softmax_kernel.h"

namespace diffuse::ops::cpu {

bool takes_attention(const at::Tensor& q) {
  return q.is_cpu() && q.scalar_type() == at::kFloat && c10::InferenceMode::is_enabled() &&
         !at::autocast::is_autocast_enabled(at::kCPU) && product_engine() == ProductEngine::kOwn;
}

// Rows of queries taken at a time, so that their weights stay in a core's caches and all threads have work.
static int64_t rows_at_once(int64_t positions, int64_t sequences) {
  constexpr int64_t kMostRows = 256, kFewestRows = 64, kWeights = 1 << 18;
  const int64_t shared = positions * sequences / at::get_num_threads();
  const int64_t most = std::min({kMostRows, kWeights / positions, std::max(shared, kFewestRows)});
  return std::clamp<int64_t>(most, 1, positions);
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads,
                     const VectorKernels& kernels) {
  RECORD_FUNCTION("diffuse::attention", std::vector<c10::IValue>({q, k, v}));
  const int64_t batch = q.size(0), positions = q.size(1), channels = q.size(2);
  TORCH_CHECK(k.sizes() == q.sizes() && v.sizes() == q.sizes() && channels % heads == 0,
              "attention of ", q.sizes(), ", ", k.sizes(), " and ", v.sizes(), " in ", heads,
              " heads");
  const int64_t width = channels / heads;
  const at::Tensor queries = q.contiguous(), keys = k.contiguous(), values = v.contiguous();
  const at::Tensor y = at::empty(q.sizes(), q.options());
  if (y.numel() == 0) return y;
  const float *const from_q = queries.const_data_ptr<float>(),
                     *const from_k = keys.const_data_ptr<float>(),
                     *const from_v = values.const_data_ptr<float>();
  float* const to = y.mutable_data_ptr<float>();
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(width)));
  const int64_t rows = rows_at_once(positions, batch * heads), parts = ceil_divide(positions, rows);
  const int64_t weights_size = blocks_of(rows * positions) * kBlock;
  for_jobs(batch * heads * parts, weights_size + product_scratch(rows),
           [&](int64_t job, float* scratch) {
             const int64_t item = job / parts / heads, head = job / parts % heads;
             const int64_t first = item * positions * channels + head * width;
             const Range part = part_of(positions, job % parts, parts);
             const int64_t begin = first + part.begin * channels;
             const Matrix some_queries{from_q + begin, part.size(), width, channels, 1};
             const Matrix all_keys{from_k + first, width, positions, 1, channels};
             const Matrix all_values{from_v + first, positions, width, channels, 1};
             const Matrix weights{scratch, part.size(), positions, positions, 1};
             const auto multiply = [&](const Matrix& a, const Matrix& b, float* c, int64_t stride) {
               kernels.product(a, b, {0, a.rows}, {0, b.columns}, {c, stride, nullptr, false},
                               scratch + weights_size);
             };
             multiply(some_queries, all_keys, scratch, positions);
             softmax_rows(part.size(), positions, scale, scratch);
             multiply(weights, all_values, to + begin, channels);
           });
  return y;
}

}  // namespace diffuse::ops::cpu
