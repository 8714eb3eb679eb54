#include "src/sample/fitted.h"

#include <ATen/ATen.h>

#include "src/core/luminance.h"
#include "src/sample/known_part.h"

namespace diffuse {

// The nearest images to x of which measure() is `wanted`, [B, K, ...]. spread(), its transpose, gives each number to
// the pixels that it measures, and no pixel to two; scale: measure(spread(c)) = scale c.
template <class Measure, class Spread>
static at::Tensor nearest(const at::Tensor& x, const at::Tensor& wanted, double scale, bool clip,
                          const Measure& measure, const Spread& spread) {
  if (!clip) return x + spread((wanted - measure(x)) / scale);
  // The nearest within the range is clamp(x + spread(c)), and its measure rises with c.
  at::Tensor low = at::full_like(wanted, -1e3), high = at::full_like(wanted, 1e3);
  for (int halving = 0; halving < 40; ++halving) {
    const at::Tensor middle = (low + high) / 2;
    const at::Tensor below = measure((x + spread(middle)).clamp(-1, 1)) < wanted;
    low = at::where(below, middle, low);
    high = at::where(below, high, middle);
  }
  return (x + spread((low + high) / 2)).clamp(-1, 1);
}

static at::Tensor with_area_means(const at::Tensor& x, const at::Tensor& like, int64_t factor,
                                  bool clip) {
  const auto measure = [&](const at::Tensor& image) {
    return at::avg_pool2d(image, {factor, factor});
  };
  const auto spread = [&](const at::Tensor& c) {
    return at::upsample_nearest2d(c, {x.size(2), x.size(3)});
  };
  return nearest(x, measure(like), 1, clip, measure, spread);
}

static at::Tensor with_luminance(const at::Tensor& x, const at::Tensor& grey, bool clip) {
  const at::Tensor weights =
      at::tensor(at::ArrayRef<double>(kLuminance), x.options()).view({1, 3, 1, 1});
  const auto spread = [&](const at::Tensor& c) { return c * weights; };
  return nearest(x, grey, weights.square().sum().item<double>(), clip, luminance, spread);
}

at::Tensor fitted(const ConditionConfig& config, const at::Tensor& x, const at::Tensor& condition,
                  bool clip) {
  const int64_t channels = x.size(1);
  if (config.is_mask()) return put_known_part(x, known_part(condition, channels));
  if (config.noise > 0) return x;
  if (config.type == ConditionType::kDownscale)
    return with_area_means(x, condition.narrow(1, 0, channels), config.factor, clip);
  if (config.type == ConditionType::kGrey) return with_luminance(x, condition, clip);
  return x;
}

}  // namespace diffuse
