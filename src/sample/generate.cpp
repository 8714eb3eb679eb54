#include "diffuse/sample/generate.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "diffuse/core/error.h"
#include "sample_graphs.h"
#include "src/core/device.h"
#include "src/core/noise.h"
#include "src/model/compute_scope.h"
#include "src/model/weight_cache.h"

namespace diffuse {

Denoiser bind_labels(Network& network, const at::Tensor& labels, int64_t classes, double guidance,
                     bool learned_variance) {
  if (!labels.defined() || guidance == 1.0)
    return [&network, labels](const at::Tensor& x, const at::Tensor& t) {
      return network.forward(x, t, labels);
    };
  return [&network, labels, classes, guidance, learned_variance](const at::Tensor& x,
                                                                 const at::Tensor& t) {
    const at::Tensor both = at::cat({labels, at::full_like(labels, classes)});
    const auto halves = network.forward(at::cat({x, x}), at::cat({t, t}), both).chunk(2);
    const int64_t channels = halves[0].size(1) / (learned_variance ? 2 : 1);
    const int64_t rest = halves[0].size(1) - channels;
    const at::Tensor labelled = halves[0].narrow(1, 0, channels);
    const at::Tensor none = halves[1].narrow(1, 0, channels);
    return at::cat({none + (labelled - none) * guidance, halves[0].narrow(1, channels, rest)}, 1);
  };
}

at::Tensor round_robin_labels(int64_t n, int64_t classes, int64_t first) {
  return classes == 0 ? at::Tensor() : at::arange(first, first + n, at::kLong).remainder(classes);
}

// Appends the last call's x_0 to the network's input.                                      [Chen22]
static Denoiser remember_x0(const Denoiser& network, const GaussianDiffusion& diffusion,
                            bool clip_x0) {
  return [network, &diffusion, clip_x0, x0 = at::Tensor()](const at::Tensor& x,
                                                           const at::Tensor& t) mutable {
    const auto [scaled, time] = diffusion.input(x, t);
    const at::Tensor output = network(x0.defined() ? at::cat({scaled, x0}, 1) : scaled, time);
    x0 = diffusion.denoised(output, x, t, clip_x0).x0;
    return output;
  };
}

Denoiser make_denoiser(Network& network, const GaussianDiffusion& diffusion,
                       const GenerateOptions& options) {
  const auto bound = [&network, classes = options.classes, guidance = options.guidance,
                      learned = diffusion.learns_variance(), device = options.device,
                      precision = options.precision](const at::Tensor& labels) -> Denoiser {
    return [call = bind_labels(network, labels, classes, guidance, learned), device, precision,
            weights = std::make_shared<WeightCache>()](const at::Tensor& x, const at::Tensor& t) {
      const WeightCacheScope keep(*weights);
      const PrecisionScope scope(device, precision);
      return call(x, t).to(at::kFloat);
    };
  };
  const at::Tensor labels = sent_to(options.labels, options.device);
  const Denoiser denoiser =
      options.graphs ? options.graphs->recorded(bound, labels,
                                                concat(options.precision, " ", options.guidance))
                     : bound(labels);
  return network.self_conditioned() ? remember_x0(denoiser, diffusion, options.sampler.clip_x0)
                                    : preconditioned(diffusion, denoiser);
}

NoiseSource keyed_noise(std::span<const StreamKey> keys, Purpose purpose,
                        const GenerateOptions& options) {
  return [keys, purpose, shape = options.shape, device = options.device](int64_t t) {
    return noise_rows(keys, purpose, static_cast<uint32_t>(t), shape, device);
  };
}

at::Tensor start_of(const GaussianDiffusion& diffusion, const SamplerOptions& options,
                    const at::Tensor& noise) {
  const Process& process = diffusion.process();
  const double size = process.prior_std(process.level(options.timesteps.front()));
  return size == 1 ? noise : noise * size;
}

at::Tensor generate(Network& network, const GaussianDiffusion& diffusion,
                    std::span<const StreamKey> keys, const GenerateOptions& options,
                    const StepCallback& callback) {
  const c10::InferenceMode inference;
  network.eval();
  const std::vector<StreamKey> copies(keys.size(), options.shared);
  const bool shares = options.share_from.has_value();
  at::Tensor x_T = options.start.defined()
                       ? options.start.to(options.device, at::kFloat)
                       : keyed_noise(shares ? std::span<const StreamKey>(copies) : keys,
                                     Purpose::kSampleStart, options)(0);
  if (options.from.defined()) {
    const auto first = at::full({x_T.size(0)}, options.sampler.timesteps.front(),
                                x_T.options().dtype(at::kDouble));
    x_T = diffusion.q_sample(options.from.to(options.device), first, x_T);
  } else if (!options.start.defined()) {
    x_T = start_of(diffusion, options.sampler, x_T);
  }
  const NoiseSource own = keyed_noise(keys, Purpose::kSampleStep, options);
  const NoiseSource common = keyed_noise(copies, Purpose::kSampleStep, options);
  const NoiseSource noise = [&](int64_t t) {
    return shares && static_cast<double>(t) > *options.share_from ? common(t) : own(t);
  };
  return run_sampler(diffusion, make_denoiser(network, diffusion, options), x_T, options.sampler,
                     noise, callback);
}

}  // namespace diffuse
