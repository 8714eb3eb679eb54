#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "canvas.h"
#include "src/pictures/picture.h"

namespace diffuse {

Image draw_signals(const at::Tensor& x, int64_t columns) {
  constexpr int64_t kWidth = 160, kHeight = 90, kGap = 6;
  constexpr std::array<uint32_t, 4> kColours{0x1f6fb4, 0xd9561c, 0x2e9a4f, 0x8a55b5};
  TORCH_CHECK(x.dim() == 3 && x.numel() > 0, "draw_signals: expected [B, C, L], got ", x.sizes());
  const at::Tensor values = x.detach().cpu().to(at::kDouble).nan_to_num(0, 0, 0).contiguous();
  const double most = std::max(values.abs().max().item<double>(), 1e-12);
  const int64_t count = x.size(0);
  if (columns == 0)
    columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  const int64_t rows = (count + columns - 1) / columns;
  Canvas canvas(columns * (kWidth + kGap) + kGap, rows * (kHeight + kGap) + kGap);
  const auto numbers = values.accessor<double, 3>();
  const int64_t channels = std::min<int64_t>(x.size(1), kColours.size());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t left = kGap + i % columns * (kWidth + kGap);
    const int64_t top = kGap + i / columns * (kHeight + kGap);
    canvas.fill(left, top, kWidth, kHeight, 0xf4f4f4);
    canvas.fill(left, top + kHeight / 2, kWidth, 1, 0xc8c8c8);
    for (int64_t c = 0; c < channels; ++c) {
      std::vector<CanvasPoint> line;
      const int64_t last = std::max<int64_t>(x.size(2) - 1, 1);
      for (int64_t k = 0; k < x.size(2); ++k)
        line.push_back(
            {static_cast<double>(left) + static_cast<double>(k * (kWidth - 1)) / last,
             static_cast<double>(top) + kHeight * (0.5 - 0.46 * numbers[i][c][k] / most)});
      canvas.polyline(line, 1.5, kColours[c]);
    }
  }
  return canvas.take();
}

}  // namespace diffuse
