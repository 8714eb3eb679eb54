// Runge-Kutta methods of higher order on the probability-flow ODE: rk4 in fixed steps, dopri5 in steps that
// it chooses.
#include <ATen/ATen.h>

#include <vector>

#include "src/sample/dormand_prince.h"
#include "src/sample/flow_path.h"
#include "src/sample/level_sampler.h"

namespace diffuse {

namespace {

// The classical method of order 4, four network calls per step.
class Rk4Sampler : public LevelSampler {
  using LevelSampler::LevelSampler;

  at::Tensor advance(const at::Tensor& x, const Denoised& d, const Level& from,
                     int64_t i) override {
    const FlowPath path(diffusion().process());
    const Level& to = level(i + 1);
    if (is_last(i) || !path.reaches(from)) return jump(d.x0, d.eps, from, i, 0);
    const double h = path.u(to) - path.u(from);
    const Level middle = path.level(path.u(from) + h / 2);
    const auto v = [&](const at::Tensor& y, const Level& at) {
      return path.v(denoised(path.x(y, at), at));
    };
    const at::Tensor y = path.y(x, from);
    const at::Tensor k1 = path.v(d);
    const at::Tensor k2 = v(y + k1 * (h / 2), middle);
    const at::Tensor k3 = v(y + k2 * (h / 2), middle);
    const at::Tensor k4 = v(y + k3 * h, to);
    return path.x(y + (k1 + (k2 + k3) * 2 + k4) * (h / 6), to);
  }
};

// DormandPrince from level to level.
class Dopri5Sampler : public LevelSampler {
 public:
  Dopri5Sampler(const GaussianDiffusion& diffusion, Denoiser denoiser,
                const SamplerOptions& options, NoiseSource noise)
      : LevelSampler(diffusion, std::move(denoiser), options, std::move(noise)),
        solver_(options.tolerance) {}

 private:
  at::Tensor advance(const at::Tensor& x, const Denoised& d, const Level& from, int64_t i) override;

  DormandPrince solver_;
  int64_t rows_ = 0, next_ = -1;  // with which the solver goes on
};

}  // namespace

at::Tensor Dopri5Sampler::advance(const at::Tensor& x, const Denoised& d, const Level& from,
                                  int64_t i) {
  constexpr double kFirst = 0.1;  // as a fraction of the interval
  const Process& process = diffusion().process();
  const FlowPath path(process);
  if (is_last(i) || !path.reaches(from)) return jump(d.x0, d.eps, from, i, 0);
  const double begin = path.u(from), end = path.u(level(i + 1));
  if (next_ != i || rows_ != x.size(0)) solver_.start(x.size(0), kFirst * (end - begin));
  rows_ = x.size(0), next_ = i + 1;
  const auto slope = [&](const at::Tensor& y, std::vector<double> u) {
    for (double& place : u) place = path.time(place);
    const Levels at = process.levels(at::tensor(u, at::kDouble).to(y.device()));
    return path.v(denoised(path.x(y, at), at));
  };
  return path.x(solver_.advance(path.y(x, from), path.v(d), begin, end, slope), level(i + 1));
}

std::unique_ptr<Sampler> make_rk4(const GaussianDiffusion& diffusion, Denoiser denoiser,
                                  const SamplerOptions& options, NoiseSource noise) {
  return std::make_unique<Rk4Sampler>(diffusion, std::move(denoiser), options, std::move(noise));
}

std::unique_ptr<Sampler> make_dopri5(const GaussianDiffusion& diffusion, Denoiser denoiser,
                                     const SamplerOptions& options, NoiseSource noise) {
  return std::make_unique<Dopri5Sampler>(diffusion, std::move(denoiser), options, std::move(noise));
}

}  // namespace diffuse
