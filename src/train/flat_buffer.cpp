#include "src/train/flat_buffer.h"

#include <ATen/ATen.h>

namespace diffuse {

// Vector loads and matrix products want aligned beginnings.
static int64_t aligned(int64_t numbers) { return (numbers + 31) / 32 * 32; }

FlatBuffer flat_zeros(const std::vector<at::Tensor>& like, at::ScalarType type) {
  TORCH_CHECK(!like.empty(), "a flat buffer of nothing");
  int64_t size = 0;
  for (const at::Tensor& x : like) size += aligned(x.numel());
  FlatBuffer buffer{at::zeros({size}, like[0].options().dtype(type).requires_grad(false))};
  int64_t offset = 0;
  for (const at::Tensor& x : like) {
    TORCH_CHECK(x.is_non_overlapping_and_dense(), "a parameter with gaps: ", x.strides());
    buffer.parts.push_back(buffer.all.as_strided(x.sizes(), x.strides(), offset));
    offset += aligned(x.numel());
  }
  return buffer;
}

FlatBuffer flat_copy(const std::vector<at::Tensor>& like, at::ScalarType type) {
  FlatBuffer buffer = flat_zeros(like, type);
  for (size_t i = 0; i < like.size(); ++i) buffer.parts[i].copy_(like[i].detach());
  return buffer;
}

}  // namespace diffuse
