#include "conv.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include <vector>

#include "cpu/residual_conv.h"
#include "cpu/winograd.h"
#include "cuda/bias.h"
#include "cuda/conv1x1.h"
#include "kept_weight.h"
#include "pixel_rows.h"
#include "src/model/compute_scope.h"

namespace diffuse::ops {

// A 3x3 convolution of stride 2. On a GPU with two zeros at both ends: the outputs are then the wanted ones, one more
// before them and perhaps one after, and cutting these off copies y, a quarter of x, instead of x.
static at::Tensor conv2d_padded_at_end(const at::Tensor& x, const at::Tensor& weight,
                                       const at::Tensor& bias, const Window& window) {
  TORCH_CHECK(window.kernel == 3 && window.stride == 2 && window.padding == 1,
              "zeros at the end are for 3x3 convolutions of stride 2");
  const bool signal = window.signal;
  const bool fits = x.size(3) >= 2 && (signal || x.size(2) >= 2);
  if (!fits || !cuda::takes_bias(x))
    return conv2d(at::constant_pad_nd(x, {0, 1, 0, signal ? 0 : 1}), weight, bias,
                  {3, 2, 0, signal});
  const at::Tensor y =
      at::conv2d(x, kept_weight(weight), {}, {signal ? 1 : 2, 2}, {signal ? 0 : 2, 2});
  const auto after = [&](int64_t dim) { return y.size(dim) - 1 - x.size(dim) / 2; };
  std::vector<int64_t> cut{-1, -after(3)};
  if (!signal) cut.insert(cut.end(), {-1, -after(2)});
  return cuda::add_bias(at::constant_pad_nd(y, cut), {}, bias);
}

at::Tensor conv2d(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  const Window& window) {
  const auto& [kernel, stride, padding, signal, doubled, at_end] = window;
  if (at_end) return conv2d_padded_at_end(x, weight, bias, window);
  const bool same_size = stride == 1 && padding == 1 && weight.size(2) == 3;
  if (same_size && bias.defined() && ComputeScope::type() == at::kFloat &&
      cpu::winograd_pays(x, weight, doubled))
    return cpu::winograd_conv3x3(x, weight, bias, doubled);
  if (doubled) {
    const at::Tensor large = at::upsample_nearest2d(x, {signal ? 1 : 2 * x.size(2), 2 * x.size(3)});
    return conv2d(large, weight, bias, {kernel, stride, padding, signal});
  }
  const bool added_after = bias.defined() && cuda::takes_bias(x);
  const at::Tensor y =
      at::conv2d(x, kept_weight(weight), added_after ? at::Tensor() : in_compute_type(bias),
                 {signal ? 1 : stride, stride}, {signal ? 0 : padding, padding});
  return added_after ? cuda::add_bias(y, {}, bias) : y;
}

Biased conv2d_biased(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                     const Window& window, const at::Tensor& more_bias) {
  if (x.is_cpu() && !cuda::takes_bias(x))
    return {conv2d(x, weight, more_bias.defined() ? bias + more_bias : bias, window)};
  return {conv2d(x, weight, {}, window), bias, more_bias};
}

// h + x; overwrites h where the kernels do not compute it. Undefined: 0.
static at::Tensor sum_of(const Biased& h, const at::Tensor& x) {
  if (cuda::takes_bias(h.value)) return cuda::add_bias(h.value, x, h.bias, h.more_bias);
  at::Tensor y = x.defined() ? h.value.add_(x) : h.value;
  for (const at::Tensor& bias : {h.bias, h.more_bias})
    if (bias.defined()) y = y.add_(bias.view({1, -1, 1, 1}));
  return y;
}

at::Tensor residual_sum(const Biased& h, const at::Tensor& x) { return sum_of(h, x); }

// sum + the products of x's and skip's pixels with their parts of the filters, [B H W, O].
static at::Tensor add_products(at::Tensor sum, const at::Tensor& x, const at::Tensor& skip,
                               const at::Tensor& weight) {
  for_parts(x, skip, kept_weight(weight).flatten(1),
            [&](const at::Tensor& part, size_t, const at::Tensor& filters) {
              RECORD_FUNCTION("diffuse::add_product", std::vector<c10::IValue>({part, filters}));
              sum = at::addmm(sum, pixel_rows(part), filters.t());
            });
  return sum;
}

at::Tensor residual_conv1x1(const Biased& h, const at::Tensor& x, const at::Tensor& skip,
                            const at::Tensor& weight) {
  if (cpu::takes_residual_conv(h.value, x, weight))
    return sum_of({cpu::residual_conv1x1(h.value, x, skip, weight), h.bias, h.more_bias}, {});
  if (cuda::takes_bias(h.value))
    return sum_of(h, image_of(cuda::conv1x1(x, skip, weight), h.value));
  const at::Tensor sum = add_products(pixel_rows(h.value), x, skip, weight);
  return sum_of({image_of(sum, h.value), h.bias, h.more_bias}, {});
}

}  // namespace diffuse::ops
