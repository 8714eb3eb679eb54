// Samplers: from x_T to x_0 along an explicit list of timesteps. Each is a pure function of the diffusion, a
// denoiser, x_T and a noise source.
//
//   ddpm         draws from p_θ(x_{t−1} | x_t)                              [Ho20] Algorithm 2
//   ddim         the same marginals, with noise set by η                    [Song21] eq. 12
//   dpmpp2m      DPM-Solver++(2M): ddim at η = 0 with x_0 extrapolated from the last two steps
//                                                                           [Lu22] Algorithm 2
//   dpmpp2m-sde  the same at η = 1                                          [Lu22] app. D
//   euler, ancestral   ddim at η = 0 and at η = 1, of any process: Euler's rule in σ
//   heun         the trapezoidal rule in σ = √((1 − ᾱ)/ᾱ): two network calls per step, one in the
//                last                                                       [Karras22] Algorithm 1
//                with churn: each step first adds a little noise            [Karras22] Algorithm 2
//   rk4          the Runge-Kutta method of order 4: four calls per step
//   dopri5       Dormand-Prince of order 5: as many steps between two times as its tolerance needs
//                                                                           [Dormand80]
//   unipc        UniPC of order 2 or 3, one call per step                    [Zhao23]
//   pc           ancestral, with Langevin steps at each level               [Song21b] Algorithm 1
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "diffuse/diffusion/gaussian_diffusion.h"

namespace diffuse {

// The result of one reverse step.
struct SampleStep {
  int64_t done = 0;  // steps taken, 1 .. count
  int64_t count = 0;
  double t = 0;       // the time that was left
  at::Tensor x;       // the state after the step
  at::Tensor x0;      // the network's x_0 at that step
  int64_t calls = 0;  // of the network in the step
};
using StepCallback = std::function<void(const SampleStep&)>;

// N(0, I) shaped like x_t for the step that leaves timestep t of a chain; where time is continuous for
// that with t steps to go.
//
// For further noises of the same step, multiples of kNoisesApart are added to t.
using NoiseSource = std::function<at::Tensor(int64_t t)>;
inline constexpr int64_t kNoisesApart = int64_t{1} << 20;

struct SamplerOptions {
  SamplerKind sampler = SamplerKind::kDdpm;
  std::vector<double> timesteps{};  // falling times of the process; of a chain each in 0 .. T-1
  double eta = 0.0;                 // ddim: noise as a share of the ancestral sampler's, 0 .. 1
  bool clip_x0 = true;              // clamp each predicted x_0 to [-clip_range, clip_range]
  double clip_range = 1.0;
  // Or, if above 0: clamp to [-s, s] and divide by s, the larger of 1 and this quantile of the
  // sample's |x_0|.                                                          [Saharia22] sec. 2.3
  double dynamic_threshold = 0.0;
  double dynamic_threshold_max = 0.0;  // upper limit of s; 0 = none
  // ddim: use the network's ε even if x_0 was clamped; else ε is recomputed from the clamped x_0.
  bool network_epsilon = false;
  // ddim: whether the last step goes to x_0; if not, it stops at ᾱ of timestep 0.
  bool end_at_data = true;
  double tolerance = 1e-5;      // dopri5
  int64_t unipc_order = 2;      // unipc
  int64_t corrector_steps = 1;  // pc
  double snr = 0.16;            // pc
  // heun: S_churn, S_tmin, S_tmax (0 = any) and S_noise                      [Karras22] Algorithm 2
  double churn = 0, churn_min = 0, churn_max = 0, churn_noise = 1;

  // Whether the noise source is drawn from.
  bool stochastic() const {
    const SamplerWord::Noise noise = entry_of(sampler).noise;
    return noise == SamplerWord::Noise::kAlways ||
           (noise == SamplerWord::Noise::kByEta && eta > 0) ||
           (noise == SamplerWord::Noise::kByChurn && churn > 0);
  }
};

// The sampler options of a config's sample section for a model with that diffusion. Throws Error naming the
// flag if they do not fit.
SamplerOptions sampler_options(const SampleConfig& config, const DiffusionConfig& diffusion);

// The same with explicit timesteps.
SamplerOptions sampler_options(const SampleConfig& config, const DiffusionConfig& diffusion,
                               std::vector<double> timesteps);

// Throws Error if the sampler cannot use these timesteps: a variance learned for single steps does not apply
// to longer ones, and epsilon does not give x_0 where no signal is left.
void check_sampler(const SamplerOptions& options, const DiffusionConfig& diffusion);

// A sampler, one step at a time: from each noise level in the list to the next, and from the last to the
// data, with the variances of such steps. The last step adds no noise.
class Sampler {
 public:
  virtual ~Sampler() = default;

  // x [B, ...] at timesteps[i] -> at timesteps[i + 1], or x_0 for the last i. State kept from a step is used
  // only by the next step in the list.
  virtual SampleStep step(const at::Tensor& x, int64_t i) = 0;
};

std::unique_ptr<Sampler> make_sampler(const GaussianDiffusion& diffusion, Denoiser denoiser,
                                      const SamplerOptions& options, NoiseSource noise);

// x_T [B, ...] -> x_0 [B, ...]: all steps.
at::Tensor run_sampler(const GaussianDiffusion& diffusion, const Denoiser& denoiser,
                       const at::Tensor& x_T, const SamplerOptions& options,
                       const NoiseSource& noise, const StepCallback& callback = {});

}  // namespace diffuse
