#include "diffuse/model/group_norm.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace diffuse {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// [B, C, H, W] -> [B, HW, C]: a view of a channels_last tensor
at::Tensor to_rows(const at::Tensor& x) { return x.permute({0, 2, 3, 1}).flatten(1, 2); }

// [B, HW, C] -> [B, C, H, W], the way back
at::Tensor from_rows(const at::Tensor& rows, at::IntArrayRef shape) {
  return rows.view({shape[0], shape[2], shape[3], shape[1]}).permute({0, 3, 1, 2});
}

// Means over each channel's group: [B, 1, C] -> [B, 1, C]
at::Tensor group_mean(const at::Tensor& per_channel, int64_t groups) {
  const int64_t batch = per_channel.size(0), channels = per_channel.size(2);
  return per_channel.view({batch, groups, channels / groups})
      .mean(2, /*keepdim=*/true)
      .expand({batch, groups, channels / groups})
      .reshape({batch, 1, channels});
}

struct GroupNormFunction : torch::autograd::Function<GroupNormFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, int64_t groups,
                            const at::Tensor& weight, const at::Tensor& bias, double eps) {
    const at::Tensor rows = to_rows(x);
    const at::Tensor mean = group_mean(rows.mean(1, /*keepdim=*/true), groups);
    const at::Tensor centred = rows - mean;
    const at::Tensor variance = group_mean(centred.square().mean(1, /*keepdim=*/true), groups);
    const at::Tensor rstd = (variance + eps).rsqrt();  // [B, 1, C], as is mean
    context->save_for_backward({x, weight, mean, rstd});
    context->saved_data["groups"] = groups;
    return from_rows(at::addcmul(bias, centred, rstd * weight), x.sizes());
  }

  // With g = dy weight, y^ = (x - mean) rstd and < > the mean over a group:
  //   dx = rstd (g - <g> - y^ <g y^>)
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &mean = saved[2], &rstd = saved[3];
    const int64_t groups = context->saved_data["groups"].toInt();
    const at::Tensor dy = to_rows(gradients[0]), centred = to_rows(x) - mean;
    const auto count = static_cast<double>(dy.size(1));

    const at::Tensor sum_dy = dy.sum(1, /*keepdim=*/true);  // [B, 1, C]
    const at::Tensor sum_dy_y = (dy * centred).sum(1, /*keepdim=*/true) * rstd;
    const at::Tensor mean_g = group_mean(sum_dy * weight, groups) / count;
    const at::Tensor mean_g_y = group_mean(sum_dy_y * weight, groups) / count;
    at::Tensor dx = at::addcmul(-rstd * mean_g, centred, -rstd.square() * mean_g_y);
    dx.addcmul_(dy, rstd * weight);
    return {from_rows(dx, x.sizes()), at::Tensor(), sum_dy_y.sum(at::IntArrayRef{0, 1}),
            sum_dy.sum(at::IntArrayRef{0, 1}), at::Tensor()};
  }
};

}  // namespace

at::Tensor channels_last_group_norm(const at::Tensor& x, int64_t groups, const at::Tensor& weight,
                                    const at::Tensor& bias, double eps) {
  return GroupNormFunction::apply(x, groups, weight, bias, eps);
}

}  // namespace diffuse
