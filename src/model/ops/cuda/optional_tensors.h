// Tensors that autograd's functions take as optional and all else as perhaps undefined.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace diffuse::ops::cuda {

inline at::Tensor or_nothing(const std::optional<at::Tensor>& x) {
  return x.value_or(at::Tensor());
}

inline std::optional<at::Tensor> if_defined(const at::Tensor& x) {
  return x.defined() ? std::optional(x) : std::nullopt;
}

// Images in channels_last and of the type.
inline std::optional<at::Tensor> images_in(const at::Tensor& x, at::ScalarType type) {
  if (!x.defined()) return std::nullopt;
  return x.to(type).contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace diffuse::ops::cuda
