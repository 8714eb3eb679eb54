// Processes of continuous time on data whose exact network is known: N(0, 1/4), and a mixture for the score.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <numbers>

#include "diffuse/data/dataset.h"
#include "diffuse/eval/ode_likelihood.h"
#include "diffuse/sample/generate.h"
#include "diffuse/sample/timesteps.h"
#include "src/model/small_networks.h"
#include "src/sample/oracle_view.h"
#include "verify_checks.h"

namespace diffuse {

namespace {

constexpr double kVariance = 0.25;

DiffusionConfig config_of(ProcessKind process, PredictionKind prediction = PredictionKind::kEdm) {
  DiffusionConfig config;
  config.process = process;
  config.prediction = prediction;
  config.sigma_data = 1;  // not the data's, for which edm's network would output 0
  return config;
}

// The exact network with the fault a test has set.
class Oracle : public GaussianOracle {
 public:
  Oracle(const Verifier& v, const GaussianDiffusion& diffusion)
      : GaussianOracle(kVariance, oracle_view(diffusion)), factor_(v.faults().denoiser) {}

  at::Tensor forward(const at::Tensor& x, const at::Tensor& time,
                     const Conditioning& given) override {
    return GaussianOracle::forward(x, time, given) * factor_;
  }

 private:
  double factor_;
};

Denoiser oracle_of(const Verifier& v, const GaussianDiffusion& diffusion) {
  return preconditioned(diffusion, [network = std::make_shared<Oracle>(v, diffusion)](
                                       const at::Tensor& x, const at::Tensor& time) {
    return network->forward(x, time, {});
  });
}

// Times at shares 0.05, 0.15, ..., 0.95.
at::Tensor some_times(const Process& process) {
  std::vector<double> times;
  for (int i = 0; i < 10; ++i) times.push_back(process.time_at((i + 0.5) / 10));
  return at::tensor(times, at::kDouble);
}

// q(x_t | x_{t'}) step after step has the mean and the variance of q(x_t | x_0), by the responses to 1 in
// x_0 (row 0) and in each step's noise (the other rows).
void marginals(Verifier& v, ProcessKind kind) {
  const GaussianDiffusion diffusion(config_of(kind));
  const Process& process = diffusion.process();
  at::Tensor x = at::zeros({11, 1}, at::kDouble);
  x[0] = 1;
  Level from{};
  std::vector<double> steps, jump;
  for (int64_t i = 0; i < 10; ++i) {
    const Level to = process.level(process.time_at((static_cast<double>(i) + 0.5) / 10));
    at::Tensor eps = at::zeros_like(x);
    eps[i + 1] = v.faults().noise;
    x = diffusion.q_step(x, from, to, eps);
    steps.push_back(x[0].item<double>());
    steps.push_back(x.slice(0, 1).square().sum().sqrt().item<double>());
    jump.push_back(to.a);
    jump.push_back(to.s);
    from = to;
  }
  v.same("steps_make_the_marginals_" + word_of(kind), at::tensor(steps, at::kDouble),
         at::tensor(jump, at::kDouble), 1e-12);
}

// Every prediction at every level gives the same x_0 and ε.
void conversions(Verifier& v, ProcessKind kind) {
  const at::Tensor x0 = v.normal(10, 5, 50), eps = v.normal(10, 5, 51);
  double worst = 0;
  for (const PredictionKind prediction :
       {PredictionKind::kEpsilon, PredictionKind::kX0, PredictionKind::kV, PredictionKind::kFlow,
        PredictionKind::kEdm, PredictionKind::kScore}) {
    const GaussianDiffusion diffusion(config_of(kind, prediction));
    const at::Tensor t = some_times(diffusion.process());
    const auto view = diffusion.view(diffusion.process().told(t));
    const at::Tensor y = column(view.p) * x0 + column(view.q) * eps;
    const auto read =
        diffusion.denoised(y * v.faults().prediction, diffusion.q_sample(x0, t, eps), t, false);
    worst = std::max(worst, (read.x0 - x0).abs().max().item<double>());
    worst = std::max(worst, (read.eps - eps).abs().max().item<double>());
  }
  v.near("conversions_" + word_of(kind), worst, 0, 1e-6);
}

// log q(x_t) of the mixture, independently: Σ_k w_k N(a m_k, (a² v + s²) I).
at::Tensor log_mixture(const at::Tensor& x, const Levels& at, const at::Tensor& means,
                       const at::Tensor& weights) {
  const at::Tensor variance = column(at.a.square() * kVariance + at.s.square());
  const at::Tensor distance =
      (x.unsqueeze(1) - column(column(at.a)) * means).square().sum(2);  // [B, K]
  return (weights.log() - distance / (2 * variance) - (2 * std::numbers::pi * variance).log())
      .logsumexp(1);
}

// ε = −s ∇ log q(x_t), the gradient by autograd.                                 [Song21b] eq. 7
void score(Verifier& v, ProcessKind kind) {
  const GaussianDiffusion diffusion(config_of(kind));
  const at::Tensor means = at::tensor({-1.0, 0.5, 1.0, 0.0, 0.3, -1.2}, at::kDouble).view({3, 2});
  const at::Tensor weights = at::tensor({0.5, 0.3, 0.2}, at::kDouble);
  MixtureOracle network(means, weights, kVariance, oracle_view(diffusion));
  const at::Tensor t = some_times(diffusion.process());
  const Levels at = diffusion.process().levels(t);
  const at::Tensor x = (column(at.a) * v.normal(10, 2, 52) + column(at.s) * v.normal(10, 2, 53))
                           .detach()
                           .requires_grad_();
  const at::Tensor slope =
      torch::autograd::grad({log_mixture(x, at, means, weights).sum()}, {x})[0];
  const auto [scaled, told] = diffusion.input(x.detach(), t);
  const at::Tensor output = network.forward(scaled, told, {}) * v.faults().denoiser;
  v.same("score_of_a_mixture_" + word_of(kind),
         diffusion.denoised(output, x.detach(), t, false).eps, -column(at.s) * slope, 1e-8);
}

// Where a sampler takes x_T = 1, and where the flow takes it: to √(E[x_t²] / E[x_T²]) at the last listed
// time, and to its x_0 from there.
double sampler_error(const Verifier& v, const GaussianDiffusion& diffusion, SamplerKind sampler,
                     int64_t steps) {
  const Process& process = diffusion.process();
  const SamplerOptions options{
      .sampler = sampler,
      .timesteps = spaced_timesteps(process, steps + 1,
                                    process.straight() ? Spacing::kUniform : Spacing::kKarras),
      .clip_x0 = false};
  const auto total = [](const Level& at) { return at.a * at.a * kVariance + at.s * at.s; };
  const Level first = process.level(options.timesteps.front()),
              last = process.level(options.timesteps.back());
  const double exact = last.a * kVariance / std::sqrt(total(last) * total(first));
  const at::Tensor x =
      run_sampler(diffusion, oracle_of(v, diffusion), at::ones({1, 1}, at::kDouble), options, {});
  return std::abs(x.item<double>() - exact);
}

void orders(Verifier& v, ProcessKind kind) {
  const GaussianDiffusion diffusion(config_of(kind));
  for (const auto& [sampler, order] :
       {std::pair(SamplerKind::kEuler, 1), std::pair(SamplerKind::kHeun, 2)})
    v.near(concat("order_of_", sampler, "_", kind),
           std::log2(sampler_error(v, diffusion, sampler, 256) /
                     sampler_error(v, diffusion, sampler, 512)),
           order, 0.1);
}

// x_t / a of every process is x_0 + σ z: with the same σ all generate the same samples, here those of edm.
void same_samples(Verifier& v, ProcessKind kind) {
  const at::Tensor z = v.normal(6, 3, 54);
  const auto samples = [&](ProcessKind process, const VerifyFaults& faults) {
    const GaussianDiffusion diffusion(config_of(process));
    SamplerOptions options{.sampler = SamplerKind::kDpmpp2mSde, .clip_x0 = false};
    for (const double sigma : {40.0, 12.0, 4.0, 1.5, 0.6, 0.2, 0.05})
      options.timesteps.push_back(diffusion.process().time_of_sigma(sigma));
    const double size = diffusion.process().level(options.timesteps[0]).s;
    return run_sampler(diffusion, oracle_of(v, diffusion), z * size, options, [&](int64_t left) {
      return v.normal(6, 3, 60 + static_cast<uint64_t>(left)) * faults.noise;
    });
  };
  v.same("samples_as_of_edm_" + word_of(kind), samples(kind, v.faults()),
         samples(ProcessKind::kEdm, {}), 1e-8);
}

// Bits per dimension by the ODE against −log2 N(0, 1/4) of the same points.
void ode_bits(Verifier& v, ProcessKind kind) {
  DataConfig data_config;
  data_config.type = DataType::kGaussian;
  data_config.variance = kVariance;
  const auto data = make_dataset(data_config, Split::kHeldOut, 0);
  const GaussianDiffusion diffusion(config_of(kind));
  Oracle network(v, diffusion);
  constexpr int64_t kItems = 32;
  const OdeOptions options{.evaluation = {.items = kItems}, .steps = 400};
  const int64_t spread = data->size() / kItems;
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < kItems; ++i) numbers.push_back(i * spread);
  const at::Tensor x = data->gather(numbers).to(at::kDouble);
  const double nats = 0.5 * (x.square().mean().item<double>() / kVariance +
                             std::log(2 * std::numbers::pi * kVariance));
  v.near("ode_bits_" + word_of(kind), evaluate_ode(network, diffusion, *data, options).bits.mean,
         nats / std::numbers::ln2, 1e-3);
}

// The ratio of the errors of the samples' variance: 128 steps with a Langevin step each to 256 without.
void predictor_corrector(Verifier& v) {
  DiffusionConfig config = config_of(ProcessKind::kEdm);
  config.sigma_data = std::sqrt(kVariance);
  const GaussianDiffusion diffusion(config);
  const auto error = [&](SamplerKind sampler, int64_t steps) {
    const SamplerOptions options{
        .sampler = sampler,
        .timesteps = spaced_timesteps(diffusion.process(), steps, Spacing::kKarras),
        .clip_x0 = false};
    uint64_t draw = 100;
    const auto noise = [&](int64_t) { return v.normal(16, 1024, draw++) * v.faults().noise; };
    const at::Tensor x = run_sampler(diffusion, oracle_of(v, diffusion),
                                     start_of(diffusion, options, noise(0)), options, noise);
    return std::abs(x.square().mean().item<double>() / kVariance - 1);
  };
  v.near("corrector_error_by_its_predictors",
         error(SamplerKind::kPc, 128) / error(SamplerKind::kAncestral, 256), 0, 0.8);
}

}  // namespace

void verify_continuous(Verifier& verifier) {
  for (const auto& entry : Words<ProcessKind>::list) {
    const ProcessKind kind = entry.value;
    if (kind == ProcessKind::kDdpm) continue;
    marginals(verifier, kind);
    conversions(verifier, kind);
    score(verifier, kind);
    orders(verifier, kind);
    if (kind != ProcessKind::kEdm) same_samples(verifier, kind);
    ode_bits(verifier, kind);
  }
  predictor_corrector(verifier);
}

}  // namespace diffuse
