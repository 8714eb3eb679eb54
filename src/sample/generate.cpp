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
    const int64_t channels = x.size(1), rest = halves[0].size(1) - channels;
    const at::Tensor labelled = halves[0].narrow(1, 0, channels);
    const at::Tensor none = halves[1].narrow(1, 0, channels);
    return at::cat({none + (labelled - none) * guidance, halves[0].narrow(1, channels, rest)}, 1);
  };
}

at::Tensor round_robin_labels(int64_t n, int64_t classes) {
  return classes == 0 ? at::Tensor() : at::arange(n, at::kLong).remainder(classes);
}

Denoiser make_denoiser(Network& network, const GenerateOptions& options) {
  const at::Tensor labels =
      options.labels.defined() ? options.labels.to(options.device) : options.labels;
  return [bound = bind_labels(network, labels, options.classes, options.guidance),
          device = options.device,
          precision = options.precision](const at::Tensor& x, const at::Tensor& t) {
    const AutocastScope autocast(device, precision);
    return bound(x, t).to(at::kFloat);
  };
}

NoiseSource keyed_noise(std::span<const StreamKey> keys, Purpose purpose,
                        const GenerateOptions& options) {
  return [keys, purpose, shape = options.shape, device = options.device](int64_t t) {
    return normal_rows(keys, purpose, static_cast<uint32_t>(t), shape).to(device);
  };
}

at::Tensor generate(Network& network, const GaussianDiffusion& diffusion,
                    std::span<const StreamKey> keys, const GenerateOptions& options,
                    const StepCallback& callback) {
  const c10::InferenceMode inference;
  network.eval();
  at::Tensor x_T = options.start.defined() ? options.start.to(options.device, at::kFloat)
                                           : keyed_noise(keys, Purpose::kSampleStart, options)(0);
  if (options.from.defined()) {
    const auto first = at::full({x_T.size(0)}, options.sampler.timesteps.front(), at::kLong);
    x_T = diffusion.q_sample(options.from.to(options.device), first.to(options.device), x_T);
  }
  return run_sampler(diffusion, make_denoiser(network, options), x_T, options.sampler,
                     keyed_noise(keys, Purpose::kSampleStep, options), callback);
}

}  // namespace diffuse
