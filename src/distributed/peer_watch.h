// Decides from the ranks' heartbeats whether one is dead or hung. Uses no clock and no network.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace diffuse {

// A rank's heartbeat, sent a few times per second.
struct Beat {
  int64_t beats = 0;        // sent so far
  int64_t progress = 0;     // grows with each piece of work of the main thread
  int64_t collectives = 0;  // joined so far: a collective has the same number on all ranks
  int64_t step = 0;
  bool unhurried = true;  // busy with work of any length, such as reading files
  std::string phase = "start";

  std::string text() const;
  static Beat parse(const std::string& text);
};

// The seconds in which this process was running. Two ticks are at most `longest` apart: if this process was
// suspended for a while, the silence is nobody else's fault.
class RunningClock {
 public:
  explicit RunningClock(double longest) : longest_(longest) {}

  // `time`: of a monotonic clock. Returns the seconds since the first tick.
  double tick(double time);

 private:
  double longest_, last_ = -1, running_ = 0;
};

class PeerWatch {
 public:
  // Seconds without a heartbeat after which a rank counts as dead, and without progress as hung.
  PeerWatch(int64_t ranks, double dead_after, double hung_after);

  void observe(int64_t rank, const Beat& beat, double now);

  // One line with rank and phase, once a rank is dead or hung. Among those without progress, the one at fault
  // has joined the fewest collectives: the others wait for it. While any rank is unhurried none counts as
  // hung, since the others may be waiting for it.
  std::optional<std::string> verdict(double now) const;

 private:
  // Whether all but one, this process itself, went silent at about the same time.
  bool is_cut_off(double now) const;

  struct Seen {
    Beat beat;
    double beat_at = -1, progress_at = -1;  // -1: none yet
  };

  double dead_after_, hung_after_;
  double unhurried_at_ = 0;  // when a rank was last unhurried
  std::vector<Seen> seen_;
};

}  // namespace diffuse
