#include "src/model_file/sample_picture.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "src/data/normalization.h"
#include "src/pictures/picture.h"

namespace diffuse {

// The range of a scatter plot of points: +- this.
static double plot_limit(const DataConfig& data) {
  double limit = 0;
  for (size_t i = 0; i < std::min<size_t>(data.mean.size(), 2); ++i)
    limit = std::max(limit, std::abs(data.mean[i]) + 3.5 * data.std[i]);
  return limit > 0 ? limit : 3.5;
}

Image picture_of(const at::Tensor& x, SampleKind kind, const DataConfig& data, int64_t size) {
  if (kind == SampleKind::kSignal) return draw_signals(x);
  if (kind == SampleKind::kPoint) return draw_points(x, plot_limit(data), size);
  return make_grid(to_picture_range(x, data));
}

// Samples [N, K, shape...], K in each row.
static Image table_of(const at::Tensor& x, SampleKind kind, const DataConfig& data) {
  const at::Tensor flat = x.flatten(0, 1);
  return kind == SampleKind::kSignal ? draw_signals(flat, x.size(1))
                                     : make_grid(to_picture_range(flat, data), x.size(1));
}

Image picture_of_rows(const at::Tensor& conditions, const at::Tensor& x, SampleKind kind,
                      const DataConfig& data) {
  const at::Tensor rows = x.unflatten(0, {conditions.size(0), -1});
  return table_of(at::cat({conditions.unsqueeze(1), rows}, 1), kind, data);
}

Image picture_of_frames(const at::Tensor& frames, SampleKind kind, const DataConfig& data) {
  if (kind != SampleKind::kPoint) return table_of(frames, kind, data);
  const at::Tensor plane = frames.size(2) > 1 ? frames : at::constant_pad_nd(frames, {0, 1});
  return draw_paths(plane, plot_limit(data), 768);
}

}  // namespace diffuse
