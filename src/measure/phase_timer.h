// Times the phases of an update.
#pragma once

#include <ATen/record_function.h>
#include <c10/core/Device.h>

#include <map>
#include <string>

namespace diffuse {

// During its lifetime, sums this thread's seconds in each RECORD_USER_SCOPE, including the device's work: it
// waits for the device at the end of each scope.
class PhaseTimer {
 public:
  explicit PhaseTimer(c10::Device device);
  ~PhaseTimer();
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;

  std::map<std::string, double> seconds() const;

 private:
  at::CallbackHandle handle_;
};

}  // namespace diffuse
