// The distribution of continuous times in training, and its density: losses under different laws are
// comparable as E_p[loss / p], the mean over evenly spread times for each.
//
//   uniform, stratified   even over the process's times (for ve and edm over log σ)
//   log_normal            log σ ~ N(mean, std²), σ = s / a                        [Karras22] Table 1
//   logit_normal          log(t / (1 − t)) ~ N(mean, std²)                            [Esser24] eq. 19
//
// Normal laws are truncated to the process's times.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "diffuse/diffusion/process.h"

namespace diffuse {

// Number i of a sequence in (0, 1) any run of which covers it evenly: multiples of the golden ratio.
double covering_share(int64_t i);

class TimeLaw {
 public:
  // Throws Error naming /diffusion/timestep_sampler if the process does not support the law.
  TimeLaw(const DiffusionConfig& config, std::shared_ptr<const Process> process);

  // The times for uniform numbers u [n] in (0, 1), by the inverse CDF: float64 [n] on the CPU.
  at::Tensor times(const at::Tensor& u) const;

  // The density at each time [n], with respect to fractions 0 .. 1 of the range; 1 for the even laws.
  at::Tensor density(const at::Tensor& time) const;

 private:
  enum class Kind { kEven, kLogNormal, kLogitNormal };

  double coordinate(double time) const;
  double time_of(double coordinate) const;

  std::shared_ptr<const Process> process_;
  Kind kind_ = Kind::kEven;
  double mean_ = 0, std_ = 1;
  double low_ = 0, high_ = 1;  // the normal CDF at the ends of the times
};

}  // namespace diffuse
