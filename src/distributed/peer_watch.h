// Decides from what the ranks last said of themselves whether one is dead or hangs. Knows no clock
// and no network.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace diffuse {

// What a rank says of itself, a few times in a second.
struct Beat {
  int64_t beats = 0;        // sent so far
  int64_t progress = 0;     // grows with whatever the main thread gets done
  int64_t collectives = 0;  // joined so far: the same collective has one number on all ranks
  int64_t step = 0;
  bool unhurried = true;  // busy with what may take any time, such as reading files
  std::string phase = "start";

  std::string text() const;
  static Beat parse(const std::string& text);
};

// The seconds in which this process was running. Between two ticks they are `longest` at most: after it was
// stopped for a while, as a job that is suspended is, nobody else is to blame for the silence.
class RunningClock {
 public:
  explicit RunningClock(double longest) : longest_(longest) {}

  // `time`: of a clock that only goes forward. Returns the seconds since the first tick.
  double tick(double time);

 private:
  double longest_, last_ = -1, running_ = 0;
};

class PeerWatch {
 public:
  // Seconds without a beat after which a rank counts as dead, and without progress as hung.
  PeerWatch(int64_t ranks, double dead_after, double hung_after);

  void observe(int64_t rank, const Beat& beat, double now);

  // One line that names rank and phase, once a rank is dead or hangs. Of those that make no progress
  // the one to blame is the one that has joined the fewest collectives: the others wait for it. While
  // any rank is unhurried none hangs: the others may be waiting for it.
  std::optional<std::string> verdict(double now) const;

 private:
  // Whether all but one, this process itself, have gone silent within the same while.
  bool is_cut_off(double now) const;

  struct Seen {
    Beat beat;
    double beat_at = -1, progress_at = -1;  // -1: not heard of yet
  };

  double dead_after_, hung_after_;
  double unhurried_at_ = 0;  // when a rank was last seen so
  std::vector<Seen> seen_;
};

}  // namespace diffuse
