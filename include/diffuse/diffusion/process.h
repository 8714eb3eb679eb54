// The forward process: how much signal and how much noise there is at each time,
//
//   x_t = a x_0 + s ε,   ε ~ N(0, I).
//
// Time is the process's own: of the discrete chain the table row 0 .. T − 1, of vp, subvp and flow a
// number from 0 to 1, of ve and edm σ itself.
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

  // Those one step of the chain nearer to the data, which come before the first. Throws Error where
  // time is continuous.
  virtual Levels before(const at::Tensor& time) const;

  // Of the least noise, of the most, and of the most where signal is left: what the network learns.
  virtual double first_time() const = 0;
  virtual double last_time() const = 0;
  virtual double last_time_with_signal() const { return last_time(); }

  // The time at a share 0 .. 1 of them, and the time whose s / a is nearest to sigma.
  virtual double time_at(double share) const = 0;
  virtual double time_of_sigma(double sigma) const = 0;

  // The time whose s / a is sigma itself: of a chain a number between two rows, where levels() takes
  // log sigma as linear.
  virtual double time_between(double sigma) const { return time_of_sigma(sigma); }

  // Which of `count` equal parts of them each of time [B] is in, int64 [B].
  virtual at::Tensor part_of(const at::Tensor& time, int64_t count) const = 0;

  // −d log(a² / s²) / d share: [B] float64. Of a chain it is not defined.
  virtual at::Tensor log_snr_slope(const at::Tensor& time) const;

  // What a network is told of time [B], and the time of what it was told; float64.
  virtual at::Tensor told(const at::Tensor& time) const = 0;
  virtual at::Tensor time_told(const at::Tensor& told) const = 0;

  // Whether x_t grows with s, so that networks are given it divided by its size.
  virtual bool unbounded() const { return false; }

  // Whether a and s are linear in time, so that x moves along straight lines where x_0 and ε stay.
  virtual bool straight() const { return false; }

  // Standard deviation of the samples' start at a level with next to no signal.
  virtual double prior_std(const Level&) const { return 1; }

  // log of the variance that p_θ(x_0 | x_1) has.
  virtual double first_log_variance() const;

  // The tables of a chain; null where time is continuous.
  virtual const NoiseSchedule* schedule() const { return nullptr; }

  Level level(double time) const;
};

// Throws Error naming the JSON path.
std::shared_ptr<const Process> make_process(const DiffusionConfig& config);

}  // namespace diffuse
