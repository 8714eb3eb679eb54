// The host's lead over a device that works through what is queued.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/Event.h>

#include <cstddef>
#include <vector>

namespace diffuse {

// Keeps the lead to two steps: enough for a device that is never to wait, and little enough for times, stops and
// memory that is on its way to be those of the step at hand. On the CPU there is no lead.
class Pace {
 public:
  explicit Pace(c10::Device device);

  // After the work of a step has been queued: waits until that of two steps before is done.
  void step();

 private:
  c10::Device device_;
  std::vector<c10::Event> ends_;  // of the last steps
  size_t next_ = 0;
};

}  // namespace diffuse
