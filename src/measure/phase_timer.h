// Times the parts of an update.
#pragma once

#include <ATen/record_function.h>
#include <c10/core/Device.h>

#include <map>
#include <string>

namespace diffuse {

// While it lives, sums the seconds that this thread spends in each RECORD_USER_SCOPE, the device's
// work included: it waits for the device at the end of each.
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
