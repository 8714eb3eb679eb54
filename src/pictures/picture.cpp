#include "src/pictures/picture.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace diffuse {

// Halves round to even, as in NumPy and PyTorch. NaN becomes black.
at::Tensor to_uint8(const at::Tensor& x) {
  return x.detach()
      .to(at::kFloat)
      .nan_to_num(-1)
      .add(1)
      .mul(127.5)
      .round()
      .clamp(0, 255)
      .to(at::kByte);
}

// x [B, C, H, W] -> grey [B, 1, H, ...] with its channels side by side, separated by a white pixel; images
// of 1 or 3 channels unchanged.
static at::Tensor side_by_side(const at::Tensor& x) {
  if (is_pictured(x.size(1))) return x;
  const at::Tensor apart = at::constant_pad_nd(x, {0, 1}, 1);
  const at::Tensor row = apart.permute({0, 2, 1, 3}).flatten(2).unsqueeze(1);
  return row.narrow(3, 0, row.size(3) - 1);
}

Image to_image(const at::Tensor& image, int64_t zoom) {
  TORCH_CHECK(image.dim() == 3, "to_image: expected [C, H, W], got ", image.sizes());
  const at::Tensor x = side_by_side(image.unsqueeze(0))[0];
  const at::Tensor large = to_uint8(x).cpu().repeat_interleave(zoom, 1).repeat_interleave(zoom, 2);
  const at::Tensor pixels = large.permute({1, 2, 0}).contiguous();  // [H, W, C]
  const auto* data = pixels.const_data_ptr<uint8_t>();
  return {.height = large.size(1),
          .width = large.size(2),
          .channels = x.size(0),
          .pixels = {data, data + pixels.numel()}};
}

Image make_grid(const at::Tensor& images, int64_t columns, int64_t gap, int64_t zoom) {
  TORCH_CHECK(images.dim() == 4 && images.size(0) > 0, "make_grid: expected [B, C, H, W], got ",
              images.sizes());
  const at::Tensor x = side_by_side(images);
  const int64_t count = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
  if (columns <= 0)
    columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  columns = std::min(columns, count);
  const int64_t rows = (count + columns - 1) / columns;
  if (zoom <= 0) {
    const int64_t tiles = columns * width;
    zoom = std::clamp<int64_t>((512 - (columns + 1) * gap + tiles - 1) / tiles, 1, 16);
  }
  const int64_t tile_height = height * zoom + gap, tile_width = width * zoom + gap;
  const at::Tensor tiles =
      x.detach().cpu().to(at::kFloat).repeat_interleave(zoom, 2).repeat_interleave(zoom, 3);
  at::Tensor grid = at::ones({channels, rows * tile_height + gap, columns * tile_width + gap});
  for (int64_t i = 0; i < count; ++i)
    grid.narrow(1, gap + i / columns * tile_height, height * zoom)
        .narrow(2, gap + i % columns * tile_width, width * zoom)
        .copy_(tiles[i]);
  return to_image(grid);
}

}  // namespace diffuse
