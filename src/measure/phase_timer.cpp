#include "phase_timer.h"

#include <chrono>

#include "src/core/device.h"

namespace diffuse {

namespace {

using Clock = std::chrono::steady_clock;

struct Sums {
  c10::Device device = c10::kCPU;
  std::map<std::string, double> seconds;
};

thread_local Sums sums;

struct Begin : at::ObserverContext {
  Clock::time_point time = Clock::now();
};

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction&) {
  return std::make_unique<Begin>();
}

void end(const at::RecordFunction& function, at::ObserverContext* context) {
  wait_for(sums.device);
  sums.seconds[function.name()] +=
      std::chrono::duration<double>(Clock::now() - static_cast<Begin*>(context)->time).count();
}

}  // namespace

PhaseTimer::PhaseTimer(c10::Device device)
    : handle_(at::addThreadLocalCallback(
          at::RecordFunctionCallback(begin, end).scopes({at::RecordScope::USER_SCOPE}))) {
  sums = {device, {}};
}

PhaseTimer::~PhaseTimer() { at::removeCallback(handle_); }

std::map<std::string, double> PhaseTimer::seconds() const { return sums.seconds; }

}  // namespace diffuse
