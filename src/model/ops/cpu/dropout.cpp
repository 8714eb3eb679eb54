#include "dropout.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace diffuse::ops::cpu {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Sets `kept` [B, C, H, W], channels last, to 1 where dropout keeps, else 0.
static void fill_mask(const std::vector<StreamKey>& keys, double p, uint32_t layer,
                      const at::Tensor& kept) {
  const auto limit = static_cast<uint64_t>(std::llround(p * 0x1p32));
  const int64_t width = kept.numel() / kept.size(0);
  bool* const out = kept.mutable_data_ptr<bool>();
  at::parallel_for(0, kept.size(0), 1, [&](int64_t begin, int64_t end) {
    std::array<uint32_t, 1024> words;
    for (int64_t row = begin; row < end; ++row) {
      RandomStream stream(keys[row].seed, Purpose::kDropout, keys[row].index, layer);
      for (int64_t first = 0; first < width; first += std::ssize(words)) {
        const int64_t count = std::min<int64_t>(std::ssize(words), width - first);
        stream.fill({words.data(), static_cast<size_t>(count)});
        for (int64_t i = 0; i < count; ++i) out[row * width + first + i] = words[i] >= limit;
      }
    }
  });
}

// kept ? x scale : 0, for tensors with the same layout.
static at::Tensor keep(const at::Tensor& x, const at::Tensor& kept, double scale) {
  at::Tensor out = at::empty_like(kept, x.options());
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, x.scalar_type(), "dropout", [&] {
    const auto factor = static_cast<scalar_t>(scale);
    const scalar_t* const in = x.const_data_ptr<scalar_t>();
    const bool* const mask = kept.const_data_ptr<bool>();
    scalar_t* const to = out.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, x.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = mask[i] ? in[i] * factor : scalar_t(0);
    });
  });
  return out;
}

namespace {

struct DropoutFunction : torch::autograd::Function<DropoutFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& h, const at::Tensor& kept,
                            double scale) {
    context->save_for_backward({kept});
    context->saved_data["scale"] = scale;
    return keep(h.contiguous(at::MemoryFormat::ChannelsLast), kept, scale);
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    return {
        keep(gradient, context->get_saved_variables()[0], context->saved_data["scale"].toDouble()),
        at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor dropout(const at::Tensor& h, double p, uint32_t layer,
                   const std::vector<StreamKey>& keys) {
  TORCH_CHECK(h.dim() == 4 && h.size(0) == std::ssize(keys), "dropout of ", h.sizes(),
              " with the streams of ", keys.size(), " samples");
  const at::Tensor kept = at::empty(h.sizes(), h.options().dtype(at::kBool).requires_grad(false),
                                    at::MemoryFormat::ChannelsLast);
  fill_mask(keys, p, layer, kept);
  return DropoutFunction::apply(h, kept, 1 / (1 - p));
}

}  // namespace diffuse::ops::cpu
