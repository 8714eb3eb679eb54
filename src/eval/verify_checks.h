// Shared by the parts of verify().
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "diffuse/diffusion/gaussian_diffusion.h"
#include "src/eval/verify.h"

namespace diffuse {

// The list of results, and the program's quantities with the faults set by a test.
class Verifier {
 public:
  explicit Verifier(const VerifyOptions& options) : options_(options) {}

  void near(const std::string& name, double value, double expected, double tolerance);
  // Checks that two tensors are equal: the largest difference, relative for values larger than 1.
  void same(const std::string& name, const at::Tensor& value, const at::Tensor& expected,
            double tolerance);

  bool wants(const std::string& part) const {
    const auto& parts = options_.parts;
    return parts.empty() || std::find(parts.begin(), parts.end(), part) != parts.end();
  }
  const VerifyFaults& faults() const { return options_.faults; }
  std::vector<VerifyCheck> take() { return std::move(checks_); }

  // float64 [rows, dims] of N(0, 1) from the stream `index`.
  at::Tensor normal(int64_t rows, int64_t dims, uint64_t index) const;

  // By default linear from 1e-4 to 0.02 over 1000 steps.
  DiffusionConfig linear(int64_t timesteps = 1000, double beta_start = 1e-4,
                         double beta_end = 0.02) const;
  Gaussian posterior(const GaussianDiffusion& diffusion, const at::Tensor& x0,
                     const at::Tensor& x_t, const at::Tensor& t) const;
  at::Tensor bound_weight(const NoiseSchedule& schedule, const at::Tensor& variance) const;
  // The optimal network for data N(0, variance).
  Denoiser oracle(const GaussianDiffusion& diffusion, double variance) const;

 private:
  VerifyOptions options_;
  std::vector<VerifyCheck> checks_;
};

// A table [T] as [T, 1], which broadcasts with one sample per timestep.
inline at::Tensor column(const at::Tensor& table) { return table.unsqueeze(1); }

void verify_references(Verifier& verifier);  // random numbers, schedules, likelihoods, first loss
void verify_identities(Verifier& verifier);  // eq. 1 to 9
void verify_oracle(Verifier& verifier);      // bound and samplers with the optimal network
void verify_continuous(Verifier& verifier);  // the same in continuous time

}  // namespace diffuse
