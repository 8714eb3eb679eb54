#include "conv.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>

#include <vector>

#include "cpu/residual_conv.h"
#include "cpu/winograd.h"
#include "cuda/bias.h"
#include "kept_weight.h"
#include "pixel_rows.h"
#include "src/model/compute_scope.h"

namespace diffuse::ops {

at::Tensor conv2d(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  const Window& window) {
  const auto& [kernel, stride, padding, signal, doubled] = window;
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
                     const Window& window) {
  if (x.is_cpu() && !cuda::takes_bias(x)) return {conv2d(x, weight, bias, window)};
  return {conv2d(x, weight, {}, window), bias};
}

// y [B, C, H, W] + bias [C], which may be undefined. Overwrites y.
static at::Tensor with_bias(const at::Tensor& y, const at::Tensor& bias) {
  if (!bias.defined()) return y;
  return cuda::takes_bias(y) ? cuda::add_bias(y, {}, bias) : y.add_(bias.view({1, -1, 1, 1}));
}

at::Tensor residual_sum(const Biased& h, const at::Tensor& x) {
  if (cuda::takes_bias(h.value)) return cuda::add_bias(h.value, x, h.bias);
  return with_bias(h.value.add_(x), h.bias);
}

// sum + the products of x's and skip's pixels with their parts of the filters, [B H W, O]; overwrites a sum that
// is defined where `in_place`. Undefined: 0.
static at::Tensor add_products(at::Tensor sum, const at::Tensor& x, const at::Tensor& skip,
                               const at::Tensor& weight, bool in_place) {
  const at::Tensor all = kept_weight(weight);
  int64_t first = 0;
  for (const at::Tensor& part : {x, skip}) {
    if (!part.defined()) continue;
    const at::Tensor filters = all.narrow(1, first, part.size(1)).flatten(1);  // [out, in]
    first += part.size(1);
    RECORD_FUNCTION("diffuse::add_product", std::vector<c10::IValue>({part, filters}));
    const at::Tensor rows = pixel_rows(part);
    if (!sum.defined())
      sum = at::mm(rows, filters.t());
    else
      sum = in_place ? sum.addmm_(rows, filters.t()) : at::addmm(sum, rows, filters.t());
  }
  return sum;
}

at::Tensor residual_conv1x1(const Biased& h, const at::Tensor& x, const at::Tensor& skip,
                            const at::Tensor& weight) {
  if (cpu::takes_residual_conv(h.value, x, weight))
    return with_bias(cpu::residual_conv1x1(h.value, x, skip, weight), h.bias);
  if (!cuda::takes_bias(h.value)) {
    const at::Tensor sum = add_products(pixel_rows(h.value), x, skip, weight, false);
    return with_bias(image_of(sum, h.value), h.bias);
  }
  const bool in_place =
      !at::autocast::is_autocast_enabled(x.device().type());  // it casts for others
  const at::Tensor sum = add_products({}, x, skip, weight, in_place);
  return cuda::add_bias(h.value, image_of(sum, h.value), h.bias);
}

}  // namespace diffuse::ops
