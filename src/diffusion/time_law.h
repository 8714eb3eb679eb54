// How training draws continuous times, and with what density: losses of different laws compare as
// E_p[loss / p], which is the mean over evenly spread times for each.
//
//   uniform, stratified   even over the process's times (of ve and edm over log σ)
//   log_normal            log σ ~ N(mean, std²), σ = s / a                        [Karras22] Table 1
//   logit_normal          log(t / (1 − t)) ~ N(mean, std²)                            [Esser24] eq. 19
//
// Normal laws are cut off where the process's times end.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "diffuse/diffusion/process.h"

namespace diffuse {

class TimeLaw {
 public:
  // Throws Error naming /diffusion/timestep_sampler where the process does not know the law.
  TimeLaw(const DiffusionConfig& config, std::shared_ptr<const Process> process);

  // The times that numbers u [n] in (0, 1), even ones, stand for: float64 [n] on the CPU.
  at::Tensor times(const at::Tensor& u) const;

  // Of the share 0 .. 1 of the process's times at which each time [n] lies; 1 for the even laws.
  at::Tensor density(const at::Tensor& time) const;

 private:
  enum class Kind { kEven, kLogNormal, kLogitNormal };

  double coordinate(double time) const;
  double time_of(double coordinate) const;

  std::shared_ptr<const Process> process_;
  Kind kind_ = Kind::kEven;
  double mean_ = 0, std_ = 1;
  double low_ = 0, high_ = 1;  // of the normal distribution function where the times end
};

}  // namespace diffuse
