#include "src/measure/sampler_error.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "diffuse/sample/timesteps.h"
#include "src/core/duration.h"

namespace diffuse {

int64_t reference_steps(const SamplerErrorOptions& options, int64_t timesteps) {
  return std::min(timesteps, 4 * *std::max_element(options.steps.begin(), options.steps.end()));
}

// Runs one sampler on rows of x_T and counts its network calls.
static at::Tensor run(const Model& model, const at::Tensor& x_T, const GenerateOptions& options,
                      int64_t& calls) {
  const Denoiser denoiser = model.denoiser(options);
  calls = 0;
  const Denoiser counted = [&](const at::Tensor& x, const at::Tensor& t) {
    ++calls;
    return denoiser(x, t);
  };
  return model.to_data(run_sampler(model.diffusion(), counted, x_T, options.sampler, {}).cpu());
}

// Samples from x_T by the sampler, spacing and steps of `result`, whose calls and seconds it fills.
static at::Tensor timed_samples(const Model& model, const at::Tensor& noise,
                                const SamplerErrorOptions& options, SamplerError& result) {
  SampleConfig config = model.config().sample;
  config.sampler = result.sampler;
  config.eta = config.churn = 0;
  GenerateOptions generate = model.options(
      config, spaced_timesteps(model.diffusion().process(), result.steps, result.spacing));
  const at::Tensor x_T = start_of(model.diffusion(), generate.sampler, noise);
  const double begin = seconds_now();
  std::vector<at::Tensor> parts;
  for (int64_t first = 0; first < x_T.size(0); first += options.batch) {
    const auto rows = [&](const at::Tensor& all) {
      return all.slice(0, first, first + options.batch);
    };
    if (options.labels.defined()) generate.labels = rows(options.labels);
    parts.push_back(run(model, rows(x_T), generate, result.calls));
  }
  result.seconds = seconds_now() - begin;
  return at::cat(parts);
}

// All samplers start from the model's last timestep, which leading leaves out.
static Spacing spacing_of(const Model& model, SamplerKind sampler,
                          const SamplerErrorOptions& options) {
  if (options.spacing != Spacing::kAuto) return options.spacing;
  if (model.diffusion().process().unbounded()) return Spacing::kKarras;
  const Spacing usual = entry_of(sampler).spacing;
  return usual == Spacing::kLeading ? Spacing::kTrailing : usual;
}

std::vector<SamplerError> sampler_errors(const Model& model, std::span<const StreamKey> keys,
                                         const SamplerErrorOptions& options) {
  const c10::InferenceMode inference;
  model.network().eval();
  const at::Tensor noise =
      normal_rows(keys, Purpose::kSampleStart, 0, model.sample_shape()).to(model.device());
  const auto sample = [&](SamplerError& result) {
    return timed_samples(model, noise, options, result);
  };
  SamplerError reference{.sampler = SamplerKind::kHeun,
                         .spacing = Spacing::kUniform,
                         .steps = reference_steps(options, most_steps(model.config().diffusion))};
  const at::Tensor exact = sample(reference);
  std::vector<SamplerError> results;
  for (const SamplerKind sampler : options.samplers)
    for (const int64_t steps : options.steps) {
      SamplerError result{
          .sampler = sampler, .spacing = spacing_of(model, sampler, options), .steps = steps};
      const at::Tensor x = sample(result);
      result.error = (x - exact).square().mean().sqrt().item<double>();
      if (options.distance) result.distance = options.distance(x);
      results.push_back(result);
    }
  return results;
}

}  // namespace diffuse
