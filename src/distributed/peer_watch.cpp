#include "peer_watch.h"

#include <algorithm>
#include <sstream>

#include "diffuse/core/error.h"
#include "src/core/duration.h"

namespace diffuse {

std::string Beat::text() const {
  return concat(beats, " ", progress, " ", collectives, " ", step, " ", unhurried, " ", phase);
}

Beat Beat::parse(const std::string& text) {
  Beat beat;
  std::istringstream in(text);
  in >> beat.beats >> beat.progress >> beat.collectives >> beat.step >> beat.unhurried >> std::ws;
  std::getline(in, beat.phase);
  return beat;
}

double RunningClock::tick(double time) {
  if (last_ >= 0) running_ += std::min(time - last_, longest_);
  last_ = time;
  return running_;
}

PeerWatch::PeerWatch(int64_t ranks, double dead_after, double hung_after)
    : dead_after_(dead_after), hung_after_(hung_after), seen_(ranks) {}

void PeerWatch::observe(int64_t rank, const Beat& beat, double now) {
  Seen& seen = seen_[rank];
  if (seen.beat_at < 0 || beat.beats != seen.beat.beats) seen.beat_at = now;
  if (seen.progress_at < 0 || beat.progress != seen.beat.progress) seen.progress_at = now;
  if (beat.unhurried) unhurried_at_ = now;
  seen.beat = beat;
}

bool PeerWatch::is_cut_off(double now) const {
  int64_t heard = 0, silent = 0;
  for (const Seen& seen : seen_) {
    if (seen.beat_at >= 0) ++heard;
    if (seen.beat_at >= 0 && now - seen.beat_at > dead_after_ / 2) ++silent;
  }
  return silent > 1 && silent == heard - 1;
}

std::optional<std::string> PeerWatch::verdict(double now) const {
  const Seen* culprit = nullptr;
  bool any_hangs = false, any_late = false;
  for (const Seen& seen : seen_) {
    if (seen.beat_at < 0) continue;
    const std::string where =
        concat(" in phase \"", seen.beat.phase, "\" of step ", seen.beat.step);
    if (now - seen.beat_at > dead_after_ && is_cut_off(now))
      return concat("no heartbeat from any other rank for ", format_duration(now - seen.beat_at),
                    ": all died, or this machine is cut off from the network");
    if (now - seen.beat_at > dead_after_)
      return concat("rank ", &seen - seen_.data(), " died", where, ": no heartbeat for ",
                    format_duration(now - seen.beat_at));
    any_late = any_late || now - seen.beat_at > dead_after_ / 4;
    any_hangs = any_hangs || now - std::max(seen.progress_at, unhurried_at_) > hung_after_;
    if (culprit == nullptr || seen.beat.collectives < culprit->beat.collectives) culprit = &seen;
  }
  if (!any_hangs || any_late) return std::nullopt;  // a late one may be dead: that is known soon
  return concat("rank ", culprit - seen_.data(), " hangs in phase \"", culprit->beat.phase,
                "\" of step ", culprit->beat.step, ": no progress for ",
                format_duration(now - culprit->progress_at));
}

}  // namespace diffuse
