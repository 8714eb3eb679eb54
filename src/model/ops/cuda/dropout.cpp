#include "dropout.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "src/core/cuda/kernel_launcher.h"
#include "tiling.h"

namespace diffuse::ops::cuda {
namespace {

using diffuse::cuda::kernels_for;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr const char* kDropoutText = "src/model/ops/cuda/kernels/dropout.cuh";

// The numbers of x that the streams keep, times 1 / (1 - p); x in any layout.
at::Tensor keep_by_kernel(const at::Tensor& x, const at::Tensor& keys, double p, int64_t layer) {
  const at::Tensor in = x.contiguous(at::MemoryFormat::ChannelsLast), out = at::empty_like(in);
  if (in.numel() == 0) return out;
  const int64_t width = in.numel() / in.size(0);
  diffuse::cuda::launch(*kernels_for(in, kDropoutText), {kDropoutText, in.scalar_type()},
                        {"dropout", {quotient_up(width, 4 * kThreads), in.size(0)}}, in.device(),
                        pointer(in), pointer(keys), static_cast<long long>(layer),
                        std::llround(p * 0x1p32), static_cast<float>(1 / (1 - p)),
                        static_cast<long long>(width), writable(out));
  return out;
}

// The mask is drawn again in the backward pass.
struct KernelDropout : torch::autograd::Function<KernelDropout> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& h, const at::Tensor& keys,
                            double p, int64_t layer) {
    context->save_for_backward({keys});
    context->saved_data["p"] = p;
    context->saved_data["layer"] = layer;
    return keep_by_kernel(h, keys, p, layer);
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    return {
        keep_by_kernel(gradients[0], context->get_saved_variables()[0],
                       context->saved_data["p"].toDouble(), context->saved_data["layer"].toInt()),
        at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

bool takes_dropout(const at::Tensor& h) {
  return h.dim() == 4 && h.size(0) <= diffuse::cuda::kMostRows &&
         kernels_for(h, kDropoutText) != nullptr;
}

at::Tensor dropout(const at::Tensor& h, double p, uint32_t layer, const at::Tensor& keys) {
  TORCH_CHECK(h.size(0) == keys.size(0), "dropout of ", h.sizes(), " with the streams of ",
              keys.size(0), " samples");
  return KernelDropout::apply(h, keys.contiguous(), p, int64_t{layer});
}

}  // namespace diffuse::ops::cuda
