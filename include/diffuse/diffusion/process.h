// The forward process: how much signal and how much noise there is at each time,
//
//   x_t = a x_0 + s ε,   ε ~ N(0, I).
//
// Time is the process's own. Of the discrete chain it is the table row 0 .. T − 1, as a number.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "diffuse/config/config.h"

namespace diffuse {

class NoiseSchedule;

// One noise level. By default that of the data themselves, which no time belongs to.
struct Level {
  double time = -1;
  double a = 1, s = 0;

  double sigma() const { return s / a; }  // of x_t / a; infinite where no signal is left
};

// Those of a batch: [B] float64 each, on one device.
struct Levels {
  at::Tensor time, a, s;
};

// `rows` times the same level.
Levels repeat(const Level& level, int64_t rows, at::Device device);

class Process {
 public:
  virtual ~Process() = default;

  // time [B] of any type -> the levels there, on its device.
  virtual Levels levels(const at::Tensor& time) const = 0;

  // Those one step of the chain nearer to the data, which come before the first.
  virtual Levels before(const at::Tensor& time) const = 0;

  // Of the least noise and of the most.
  virtual double first_time() const = 0;
  virtual double last_time() const = 0;

  // log of the variance that p_θ(x_0 | x_1) has.
  virtual double first_log_variance() const = 0;

  // The tables of a chain.
  virtual const NoiseSchedule* schedule() const { return nullptr; }

  Level level(double time) const;
};

// Throws Error naming the JSON path.
std::shared_ptr<const Process> make_process(const DiffusionConfig& config);

}  // namespace diffuse
