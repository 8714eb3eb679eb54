// Gradient checkpointing: less memory for more arithmetic.                       [Chen16] sec. 4
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace diffuse {

// Part of a network: (h, time, skip) -> its output. `skip` may be undefined.
using Block =
    std::function<at::Tensor(const at::Tensor& h, const at::Tensor& time, const at::Tensor& skip)>;

// block(h, time, skip), of which only the inputs are kept for the gradients: the backward pass computes
// the block once more, with the same random numbers and autocast, and adds to the gradients of the
// parameters it uses. Plain block(h, time, skip) where no gradients are wanted.
at::Tensor recomputed(const Block& block, const at::Tensor& h, const at::Tensor& time,
                      const at::Tensor& skip);

}  // namespace diffuse
