// Tensors that lie one behind the other in one buffer, so that one kernel serves them all.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace diffuse {

struct FlatBuffer {
  at::Tensor all;                   // [n]; what lies between the parts is 0
  std::vector<at::Tensor> parts{};  // views, laid out as their models
};

// Parts of zeros, of the shapes, layouts and device of `like`. Each begins at a multiple of 32 numbers.
FlatBuffer flat_zeros(const std::vector<at::Tensor>& like, at::ScalarType type);

// The same with the values of `like`.
FlatBuffer flat_copy(const std::vector<at::Tensor>& like, at::ScalarType type);

}  // namespace diffuse
