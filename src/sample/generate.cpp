#include "diffuse/sample/generate.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "diffuse/core/error.h"
#include "sample_graphs.h"
#include "src/core/device.h"
#include "src/core/noise.h"
#include "src/diffusion/broadcast.h"
#include "src/model/compute_scope.h"
#include "src/model/weight_cache.h"
#include "src/sample/fitted.h"
#include "src/sample/known_part.h"

namespace diffuse {

// worse + w (better − worse) of two predictions; a learned variance is the better one's.
static at::Tensor guided(const at::Tensor& better, const at::Tensor& worse, double weight,
                         bool learned_variance) {
  const int64_t channels = better.size(1) / (learned_variance ? 2 : 1);
  const int64_t rest = better.size(1) - channels;
  const at::Tensor from = worse.narrow(1, 0, channels);
  return at::cat(
      {from + (better.narrow(1, 0, channels) - from) * weight, better.narrow(1, channels, rest)},
      1);
}

// The rows of both, where they have any.
static Conditioning stacked(const Conditioning& a, const Conditioning& b) {
  const auto both = [](const at::Tensor& x, const at::Tensor& y) {
    return x.defined() ? at::cat({x, y}) : x;
  };
  return {both(a.labels, b.labels), both(a.condition, b.condition)};
}

Denoiser bind_conditioning(Network& network, const Conditioning& given, const Conditioning& none,
                           double guidance, bool learned_variance) {
  if (guidance == 1.0 || (!given.labels.defined() && !given.condition.defined()))
    return [&network, given](const at::Tensor& x, const at::Tensor& t) {
      return network.forward(x, t, given);
    };
  return [&network, given, none, guidance, learned_variance](const at::Tensor& x,
                                                             const at::Tensor& t) {
    const Conditioning both = stacked(given, none);  // at each call: a recording's tensors change
    const auto halves = network.forward(at::cat({x, x}), at::cat({t, t}), both).chunk(2);
    return guided(halves[0], halves[1], guidance, learned_variance);
  };
}

namespace {

// What guidance moves away from.
struct NoneOf {
  explicit NoneOf(const GenerateOptions& options)
      : classes(options.classes),
        drops_labels(options.drops_labels),
        drops_condition(options.drops_condition) {}

  Conditioning operator()(const Conditioning& given) const {
    const auto& [labels, condition] = given;
    return {labels.defined() && drops_labels ? at::full_like(labels, classes) : labels,
            condition.defined() && drops_condition ? at::zeros_like(condition) : condition};
  }

  int64_t classes;
  bool drops_labels, drops_condition;
};

}  // namespace

// Away from a worse model that is given the same.                                    [Karras24b]
static Denoiser bind_guide(Network& network, const Conditioning& given,
                           const GenerateOptions& options, bool learned_variance) {
  return [&network, given, guide = options.guide, weight = options.guidance, learned_variance](
             const at::Tensor& x, const at::Tensor& t) {
    return guided(network.forward(x, t, given), guide->forward(x, t, given), weight,
                  learned_variance);
  };
}

// `inside` for rows whose σ is in the interval, `outside` for the others.          [Kynkaanniemi24]
static Denoiser in_interval(const GaussianDiffusion& diffusion, const std::vector<double>& interval,
                            Denoiser inside, Denoiser outside) {
  return [&diffusion, interval, inside = std::move(inside), outside = std::move(outside)](
             const at::Tensor& x, const at::Tensor& told) {
    const Levels at = diffusion.view(told).at;
    const at::Tensor within = (at.s >= at.a * interval[0]).logical_and(at.s <= at.a * interval[1]);
    if (!within.any().item<bool>()) return outside(x, told);
    if (within.all().item<bool>()) return inside(x, told);
    return at::where(along(within, x) > 0, inside(x, told), outside(x, told));
  };
}

static Denoiser bind_guidance(Network& network, const GaussianDiffusion& diffusion,
                              const Conditioning& given, const GenerateOptions& options) {
  const bool learned = diffusion.learns_variance();
  const auto by_condition = [&](double guidance) {
    return bind_conditioning(network, given, NoneOf(options)(given), guidance, learned);
  };
  const Denoiser inside =
      options.guide ? bind_guide(network, given, options, learned) : by_condition(options.guidance);
  if (options.guidance_interval.empty() || options.guidance == 1) return inside;
  return in_interval(diffusion, options.guidance_interval, inside, by_condition(1));
}

// Calls in the options' precision, with float32 output.
static Denoiser in_precision(Denoiser call, c10::Device device, c10::ScalarType precision) {
  return [call = std::move(call), device, precision, weights = std::make_shared<WeightCache>()](
             const at::Tensor& x, const at::Tensor& t) {
    const WeightCacheScope keep(*weights);
    const PrecisionScope scope(device, precision);
    return call(x, t).to(at::kFloat);
  };
}

// The network with conditioning and guidance. An interval reads on the CPU which rows it guides, which a
// recording cannot, and recordings are kept for one network: with an interval or a guide there are none.
static Denoiser bind_all(Network& network, const GaussianDiffusion& diffusion,
                         const GenerateOptions& options) {
  const Conditioning given{sent_to(options.labels, options.device),
                           sent_to(options.condition, options.device)};
  if (!options.graphs || options.guide || !options.guidance_interval.empty())
    return in_precision(bind_guidance(network, diffusion, given, options), options.device,
                        options.precision);
  const auto bound = [&network, none_of = NoneOf(options), guidance = options.guidance,
                      learned = diffusion.learns_variance(), device = options.device,
                      precision = options.precision](const Conditioning& kept) {
    return in_precision(bind_conditioning(network, kept, none_of(kept), guidance, learned), device,
                        precision);
  };
  return options.graphs->recorded(bound, given,
                                  concat(options.precision, " ", options.guidance, " ",
                                         options.drops_labels, options.drops_condition));
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

static KnownPart known_part_of(const GenerateOptions& options) {
  return known_part(sent_to(options.condition, options.device), options.shape.at(0));
}

Denoiser make_denoiser(Network& network, const GaussianDiffusion& diffusion,
                       const GenerateOptions& options) {
  const Denoiser plain = bind_all(network, diffusion, options);
  const Denoiser denoiser = network.self_conditioned()
                                ? remember_x0(plain, diffusion, options.sampler.clip_x0)
                                : preconditioned(diffusion, plain);
  if (!options.condition_config.is_mask() || !options.condition.defined()) return denoiser;
  return with_known_part(diffusion, denoiser, known_part_of(options));
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
    return shares && static_cast<double>(t % kNoisesApart) > *options.share_from ? common(t)
                                                                                 : own(t);
  };
  const at::Tensor x = run_sampler(diffusion, make_denoiser(network, diffusion, options), x_T,
                                   options.sampler, noise, callback);
  if (!options.condition.defined()) return x;
  return fitted(options.condition_config, x, sent_to(options.condition, options.device),
                options.sampler.clip_x0);
}

}  // namespace diffuse
