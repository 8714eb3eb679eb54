// The forward process: the amounts of signal and noise at each time,
//
//   x_t = a x_0 + s ε,   ε ~ N(0, I).
//
// Time is the process's own: for the discrete chain the table row 0 .. T − 1, for vp, subvp and flow a number
// from 0 to 1, for ve and edm σ itself.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "diffuse/config/config.h"

namespace diffuse {

class NoiseSchedule;

// One noise level. The default is the data's own, which has no time.
struct Level {
  double time = -1;
  double a = 1, s = 0;

  double sigma() const { return s / a; }  // of x_t / a; infinite without signal
};

// The levels of a batch: [B] float64 each, on one device.
struct Levels {
  at::Tensor time, a, s;
};

// The same level `rows` times.
Levels repeat(const Level& level, int64_t rows, at::Device device);

class Process {
 public:
  virtual ~Process() = default;

  // time [B] of any dtype -> the levels there, on its device.
  virtual Levels levels(const at::Tensor& time) const = 0;

  // The levels one step of the chain nearer to the data. Throws Error if time is continuous.
  virtual Levels before(const at::Tensor& time) const;

  // The times of least noise, of most noise, and of most noise with signal left, which the network learns.
  virtual double first_time() const = 0;
  virtual double last_time() const = 0;
  virtual double last_time_with_signal() const { return last_time(); }

  // The time at a fraction 0 .. 1 of the range, and the time whose s / a is nearest to sigma.
  virtual double time_at(double share) const = 0;
  virtual double time_of_sigma(double sigma) const = 0;

  // The time at which s / a is exactly sigma: for a chain a number between two rows, where levels() takes
  // log sigma as linear.
  virtual double time_between(double sigma) const { return time_of_sigma(sigma); }

  // Which of `count` equal parts of the range each of time [B] is in, int64 [B].
  virtual at::Tensor part_of(const at::Tensor& time, int64_t count) const = 0;

  // −d log(a² / s²) / d share: [B] float64. Not defined for a chain.
  virtual at::Tensor log_snr_slope(const at::Tensor& time) const;

  // The network's time input for time [B], and its inverse; float64.
  virtual at::Tensor told(const at::Tensor& time) const = 0;
  virtual at::Tensor time_told(const at::Tensor& told) const = 0;

  // Whether x_t grows with s, so that the network's input is divided by its standard deviation.
  virtual bool unbounded() const { return false; }

  // Whether a and s are linear in time, so that x_t moves on straight lines for fixed x_0 and ε.
  virtual bool straight() const { return false; }

  // Standard deviation of the samples' start at a level with almost no signal.
  virtual double prior_std(const Level&) const { return 1; }

  // log of the variance of p_θ(x_0 | x_1).
  virtual double first_log_variance() const;

  // The tables of a chain; null if time is continuous.
  virtual const NoiseSchedule* schedule() const { return nullptr; }

  Level level(double time) const;
};

// Throws Error naming the JSON path.
std::shared_ptr<const Process> make_process(const DiffusionConfig& config);

}  // namespace diffuse
