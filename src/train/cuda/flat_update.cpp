#include "flat_update.h"

#include <ATen/ATen.h>

#include <initializer_list>

#include "kernels/adam_arguments.cuh"
#include "src/core/cuda/kernel_launcher.h"

namespace diffuse::cuda {

static constexpr const char* kAdamText = "src/train/cuda/kernels/adam.cuh";
static constexpr int64_t kNumbersOfBlock = 4 * 256;

static KernelLauncher& adam_launcher(c10::Device device, c10::ScalarType low) {
  return *kernels_for(device, low, kAdamText);
}

bool updates_flat(c10::Device device, c10::ScalarType low) {
  return kernels_for(device, low, kAdamText) != nullptr;
}

template <class T>
static T* data(const at::Tensor& x) {
  return x.defined() ? static_cast<T*>(x.mutable_data_ptr()) : nullptr;
}

static int packed(std::initializer_list<at::Tensor> buffers) {
  for (const at::Tensor& buffer : buffers)
    if (buffer.defined() &&
        reinterpret_cast<uintptr_t>(buffer.const_data_ptr()) % (4 * buffer.element_size()) != 0)
      return 0;
  return 1;
}

// The kernel for gradients of this type.
static const char* of_gradient(const at::Tensor& gradient, c10::ScalarType low, const char* same,
                               const char* in_float) {
  TORCH_CHECK(gradient.is_contiguous() &&
                  (gradient.scalar_type() == low || gradient.scalar_type() == c10::kFloat),
              "flat gradients of ", gradient.scalar_type());
  return gradient.scalar_type() == low ? same : in_float;
}

static int64_t parts_of(const at::Tensor& gradient, int64_t multiprocessors) {
  const int64_t blocks = (gradient.numel() + kNumbersOfBlock - 1) / kNumbersOfBlock;
  return std::min(blocks, 8 * multiprocessors);
}

at::Tensor gradient_squares(const std::vector<at::Tensor>& gradients, c10::ScalarType low) {
  const c10::Device device = gradients.at(0).device();
  KernelLauncher& launcher = adam_launcher(device, low);
  const int64_t multiprocessors = launcher.multiprocessors(device);
  int64_t parts = 0, done = 0;
  for (const at::Tensor& gradient : gradients) parts += parts_of(gradient, multiprocessors);
  const at::Tensor sums = at::empty({parts}, at::device(device).dtype(at::kDouble));
  for (const at::Tensor& gradient : gradients) {
    const int64_t blocks = parts_of(gradient, multiprocessors);
    if (blocks == 0) continue;
    launch(launcher, {kAdamText, low},
           {of_gradient(gradient, low, "square_sums", "square_sums_float"), {blocks, 1}}, device,
           gradient.const_data_ptr(), static_cast<long long>(gradient.numel()), packed({gradient}),
           static_cast<long long>(blocks), data<double>(sums) + done);
    done += blocks;
  }
  return sums;
}

static AdamConstants constants_of(const TrainConfig& config) {
  return {config.beta1,        config.beta2,         config.adam_eps,
          config.weight_decay, config.gradient_clip, config.optimizer == OptimizerKind::kAdamw};
}

at::Tensor prepare_update(const TrainConfig& config, const at::Tensor& squares,
                          const UpdateScalars& scalars, c10::ScalarType low) {
  const at::Tensor factors = at::empty({static_cast<int64_t>(sizeof(AdamFactors) / sizeof(float))},
                                       squares.options().dtype(at::kFloat));
  launch(adam_launcher(squares.device(), low), {kAdamText, low}, {"prepare_update", {1, 1}},
         squares.device(), squares.const_data_ptr(), static_cast<long long>(squares.numel()),
         constants_of(config),
         AdamScalars{data<double>(scalars.learning_rate), data<double>(scalars.average_decay),
                     data<float>(scalars.loss_scale), data<float>(scalars.count),
                     data<float>(scalars.norm), data<float>(scalars.found_inf)},
         factors.mutable_data_ptr());
  return factors;
}

void update_group(const FlatGroup& group, const at::Tensor& prepared, c10::ScalarType low) {
  const int64_t count = group.parameter.numel();
  if (count == 0) return;
  TORCH_CHECK(!group.low.defined() || group.low.scalar_type() == low, "copies in ",
              group.low.scalar_type(), " where ", low, " is prepared");
  const AdamBuffers buffers{data<float>(group.parameter),
                            data<float>(group.first_moment),
                            data<float>(group.second_moment),
                            data<float>(group.average),
                            group.gradient.const_data_ptr(),
                            data<void>(group.low),
                            count,
                            packed({group.parameter, group.gradient, group.first_moment,
                                    group.second_moment, group.average, group.low})};
  launch(adam_launcher(group.parameter.device(), low), {kAdamText, low},
         {of_gradient(group.gradient, low, "adam_step", "adam_step_float"),
          {(count + kNumbersOfBlock - 1) / kNumbersOfBlock, 1}},
         group.parameter.device(), buffers, prepared.const_data_ptr());
}

}  // namespace diffuse::cuda
