#include "group_norm.h"

#include <ATen/ATen.h>

#include "cpu/group_norm.h"
#include "cuda/group_norm.h"

namespace diffuse::ops {

// The norm's weight and bias combined with the modulation's scale and offset, if any: [C] or [B, C].
static Norm modulated(const Norm& norm, const Modulation& modulation) {
  if (!modulation.scale.defined()) return norm;
  const at::ScalarType type = norm.weight.scalar_type();
  const at::Tensor gain = modulation.scale.to(type) + 1;
  return {norm.weight * gain, at::addcmul(modulation.offset.to(type), norm.bias, gain), norm.groups,
          norm.eps};
}

// Everything added to the input before normalisation: [B, C], [C] or undefined.
static at::Tensor whole_shift(const NormInput& in) {
  if (!in.x.bias.defined()) return in.shift;
  TORCH_CHECK(!in.skip.defined(), "with skip, x must not have a bias");
  return in.shift.defined() ? in.x.bias + in.shift : in.x.bias;
}

// [C] or [B, C] -> [1 or B, C, 1, 1]
static at::Tensor per_pixel(const at::Tensor& table) {
  return table.view({table.dim() == 2 ? table.size(0) : 1, -1, 1, 1});
}

static at::Tensor by_operators(const at::Tensor& x, const at::Tensor& shift, const Norm& norm,
                               bool silu) {
  const auto& [weight, bias, groups, eps] = norm;
  const at::ScalarType given = x.scalar_type();
  if (given != weight.scalar_type())  // LibTorch's GPU kernels want one type
    return by_operators(x.to(weight.scalar_type()), shift, norm, silu).to(given);
  const at::Tensor in = shift.defined() ? x + per_pixel(shift).to(given) : x;
  const bool per_image = weight.dim() == 2;
  at::Tensor y = per_image ? at::group_norm(in, groups, {}, {}, eps)
                           : at::group_norm(in, groups, weight, bias, eps);
  if (per_image) y = at::addcmul(per_pixel(bias), y, per_pixel(weight)).to(x.scalar_type());
  return silu ? at::silu(y) : y;
}

static at::Tensor normalise(const NormInput& in, const Norm& norm, bool silu) {
  const at::Tensor &x = in.x.value, shift = whole_shift(in);
  if (x.is_cpu() && norm.weight.scalar_type() == at::kFloat)
    return cpu::group_norm(x, in.skip, shift, norm.weight, norm.bias, norm.groups, norm.eps, silu);
  return by_operators(in.skip.defined() ? at::cat({x, in.skip}, 1) : x, shift, norm, silu);
}

static Normed plain_norm(const NormInput& in, const Norm& norm, bool passes) {
  if (cuda::takes_group_norm(in.x.value, norm))
    return cuda::group_norm(in, norm, {}, false, {}, {}, passes);
  return {normalise(in, norm, false), in.x.value, in.skip};
}

at::Tensor group_norm(const NormInput& in, const Norm& norm) {
  return plain_norm(in, norm, false).y;
}

Normed group_norm_passing(const NormInput& in, const Norm& norm) {
  return plain_norm(in, norm, true);
}

static Normed silu_norm(const NormInput& in, const Norm& norm, const Modulation& modulation,
                        const Dropout& dropout_options, bool passes) {
  if (!cuda::takes_group_norm(in.x.value, norm))
    return {dropout(normalise(in, modulated(norm, modulation), true), dropout_options), in.x.value,
            in.skip};
  const at::Tensor rows = dropout_options.p > 0 ? dropout_rows(in.x.value) : at::Tensor();
  Normed out = cuda::group_norm(in, norm, modulation, true, dropout_options, rows, passes);
  if (!rows.defined()) out.y = dropout(out.y, dropout_options);
  return out;
}

at::Tensor group_norm_silu(const NormInput& in, const Norm& norm, const Modulation& modulation,
                           const Dropout& dropout_options) {
  return silu_norm(in, norm, modulation, dropout_options, false).y;
}

Normed group_norm_silu_passing(const NormInput& in, const Norm& norm) {
  return silu_norm(in, norm, {}, {}, true);
}

}  // namespace diffuse::ops
