// The discrete chain of the post and [Ho20] as a process: its levels are rows of the schedule's tables.
#pragma once

#include <deque>
#include <mutex>

#include "diffuse/diffusion/noise_schedule.h"
#include "diffuse/diffusion/process.h"

namespace diffuse {

class NoiseChain : public Process {
 public:
  explicit NoiseChain(NoiseSchedule schedule);

  Levels levels(const at::Tensor& time) const override;
  Levels before(const at::Tensor& time) const override { return rows(time, 0); }
  double first_time() const override { return 0; }
  double last_time() const override { return static_cast<double>(schedule_.timesteps() - 1); }
  double last_time_with_signal() const override;
  double time_at(double share) const override;
  double time_of_sigma(double sigma) const override;  // by ratio
  double time_between(double sigma) const override;
  at::Tensor part_of(const at::Tensor& time, int64_t count) const override;
  at::Tensor told(const at::Tensor& time) const override { return time.to(at::kDouble); }
  at::Tensor time_told(const at::Tensor& told) const override { return told; }
  double first_log_variance() const override;
  const NoiseSchedule* schedule() const override { return &schedule_; }

 private:
  struct Tables {
    at::Tensor a, s;  // [T + 1] float64: the data, then each timestep
  };

  Levels rows(const at::Tensor& time, int64_t offset) const;
  const Tables& tables_on(at::Device device) const;

  NoiseSchedule schedule_;
  Tables tables_;
  // Copies per device, made at first use. A deque does not move its elements.
  mutable std::mutex mutex_;
  mutable std::deque<Tables> copies_;
};

}  // namespace diffuse
