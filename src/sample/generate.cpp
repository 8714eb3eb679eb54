#include "diffuse/sample/generate.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "diffuse/core/device.h"

namespace diffuse {

Denoiser bind_labels(Network& network, const at::Tensor& labels, int64_t classes, double guidance) {
  if (!labels.defined() || guidance == 1.0)
    return [&network, labels](const at::Tensor& x, const at::Tensor& t) {
      return network.forward(x, t, labels);
    };
  const at::Tensor both = at::cat({labels, at::full_like(labels, classes)});
  return [&network, both, guidance](const at::Tensor& x, const at::Tensor& t) {
    const auto halves = network.forward(at::cat({x, x}), at::cat({t, t}), both).chunk(2);
    return at::Tensor(halves[1] + (halves[0] - halves[1]) * guidance);
  };
}

at::Tensor round_robin_labels(int64_t n, int64_t classes) {
  return classes == 0 ? at::Tensor() : at::arange(n, at::kLong).remainder(classes);
}

at::Tensor generate(Network& network, const GaussianDiffusion& diffusion,
                    std::span<const StreamKey> keys, const GenerateOptions& options,
                    const StepCallback& callback) {
  const c10::InferenceMode inference;
  network.eval();
  const at::Tensor labels =
      options.labels.defined() ? options.labels.to(options.device) : options.labels;
  const Denoiser bound = bind_labels(network, labels, options.classes, options.guidance);
  const Denoiser denoiser = [&](const at::Tensor& x, const at::Tensor& t) {
    const AutocastScope autocast(options.device, options.precision);
    return bound(x, t).to(at::kFloat);
  };
  const at::Tensor x_T = options.start.defined()
                             ? options.start
                             : normal_rows(keys, Purpose::kSampleStart, 0, options.shape);
  const NoiseSource noise = [&](int64_t t) {
    return normal_rows(keys, Purpose::kSampleStep, static_cast<uint32_t>(t), options.shape)
        .to(options.device);
  };
  return run_sampler(diffusion, denoiser, x_T.to(options.device, at::kFloat), options.sampler,
                     noise, callback);
}

}  // namespace diffuse
