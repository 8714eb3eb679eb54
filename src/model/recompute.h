// Gradient checkpointing: less memory for more arithmetic.                       [Chen16] sec. 4
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace diffuse {

// Part of a network: (h, time, skip) -> its output. `skip` may be undefined.
using Block =
    std::function<at::Tensor(const at::Tensor& h, const at::Tensor& time, const at::Tensor& skip)>;

// block(h, time, skip), storing only the inputs for the backward pass, which runs the block again with the
// same random numbers and autocast, and adds to the gradients of its parameters. Without gradients, just
// block(h, time, skip).
at::Tensor recomputed(const Block& block, const at::Tensor& h, const at::Tensor& time,
                      const at::Tensor& skip);

}  // namespace diffuse
