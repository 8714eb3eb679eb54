#include "src/core/pace.h"

#include <c10/core/impl/VirtualGuardImpl.h>

namespace diffuse {

Pace::Pace(c10::Device device) : device_(device) {
  constexpr int kSteps = 3;
  for (int i = 0; i < kSteps && !device.is_cpu(); ++i) ends_.emplace_back(device.type());
}

void Pace::step() {
  if (ends_.empty()) return;
  ends_[next_].record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  next_ = (next_ + 1) % ends_.size();
  if (ends_[next_].was_marked_for_recording()) ends_[next_].synchronize();
}

}  // namespace diffuse
