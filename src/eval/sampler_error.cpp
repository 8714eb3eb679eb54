#include "diffuse/eval/sampler_error.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>

#include "diffuse/sample/timesteps.h"

namespace diffuse {

int64_t reference_steps(const SamplerErrorOptions& options, int64_t timesteps) {
  return std::min(timesteps, 4 * *std::max_element(options.steps.begin(), options.steps.end()));
}

// Runs one sampler and fills in its calls and seconds.
static at::Tensor run(Network& network, const GaussianDiffusion& diffusion, const at::Tensor& x_T,
                      const GenerateOptions& options, SamplerError& result) {
  const auto begin = std::chrono::steady_clock::now();
  const Denoiser denoiser = make_denoiser(network, diffusion, options);
  const Denoiser counted = [&](const at::Tensor& x, const at::Tensor& t) {
    ++result.calls;
    return denoiser(x, t);
  };
  const at::Tensor x = run_sampler(diffusion, counted, x_T, options.sampler, {}).cpu();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return x;
}

std::vector<SamplerError> sampler_errors(Network& network, const DiffusionConfig& config,
                                         std::span<const StreamKey> keys,
                                         const SamplerErrorOptions& options) {
  const c10::InferenceMode inference;
  network.eval();
  const GaussianDiffusion diffusion(config);
  const at::Tensor x_T = keyed_noise(keys, Purpose::kSampleStart, options.generate)(0);
  const auto sample = [&](SamplerError& result) {
    GenerateOptions generate = options.generate;
    generate.sampler.sampler = result.sampler;
    generate.sampler.timesteps =
        spaced_timesteps(diffusion.schedule(), result.steps, result.spacing);
    return run(network, diffusion, x_T, generate, result);
  };
  SamplerError reference{.sampler = "heun",
                         .spacing = "uniform",
                         .steps = reference_steps(options, diffusion.schedule().timesteps())};
  const at::Tensor exact = sample(reference);
  std::vector<SamplerError> results;
  for (const std::string& sampler : options.samplers)
    for (const int64_t steps : options.steps) {
      const bool by_name = options.spacing == "auto";
      SamplerError result{.sampler = sampler,
                          .spacing = !by_name            ? options.spacing
                                     : sampler == "heun" ? "karras"
                                                         : "trailing",
                          .steps = steps};
      const at::Tensor x = sample(result);
      result.error = (x - exact).square().mean().sqrt().item<double>();
      results.push_back(result);
    }
  return results;
}

}  // namespace diffuse
