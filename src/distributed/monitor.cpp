#include "monitor.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "diffuse/core/duration.h"
#include "diffuse/core/error.h"
#include "diffuse/core/log.h"

namespace diffuse {

std::string beat_key(int64_t rank) { return concat("beat/", rank); }
static constexpr const char* kEndKey = "end";  // why the run ends: a verdict

// Of the phases, those in which files are read or written.
static bool reads_or_writes(const std::string& phase) {
  return phase == Beat{}.phase || phase == "restoring" || phase == "saving";
}

static void sleep_for(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

Monitor::Monitor(c10::intrusive_ptr<c10d::Store> store, int64_t rank, int64_t size,
                 double peer_timeout)
    : store_(std::move(store)),
      rank_(rank),
      size_(size),
      hung_after_(peer_timeout),
      dead_after_(std::min(peer_timeout, 10.0)),
      interval_(dead_after_ / 20),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Monitor::~Monitor() { finish(); }

void Monitor::phase(const char* name, int64_t step) {
  const std::scoped_lock lock(mutex_);
  beat_.phase = name;
  beat_.step = step;
  beat_.unhurried = reads_or_writes(beat_.phase);
  ++beat_.progress;
}

void Monitor::progress() {
  const std::scoped_lock lock(mutex_);
  if (beat_.phase == Beat{}.phase) beat_.phase = "computing";
  beat_.unhurried = reads_or_writes(beat_.phase);
  ++beat_.progress;
}

void Monitor::begin_collective() {
  const std::scoped_lock lock(mutex_);
  beat_.unhurried = false;
  ++beat_.progress;
  ++beat_.collectives;
}

void Monitor::end_collective() {
  const std::scoped_lock lock(mutex_);
  beat_.unhurried = reads_or_writes(beat_.phase);
  ++beat_.progress;
}

Beat Monitor::next_beat() {
  const std::scoped_lock lock(mutex_);
  ++beat_.beats;
  return beat_;
}

void Monitor::await_verdict() { sleep_for(2 * dead_after_ + 1); }

void Monitor::report_failure() {
  failed_ = true;
  sleep_for(4 * interval_);  // rank 0 may keep the store: the others must read it first
}

void Monitor::run(const std::stop_token& stop) {
  // Rank 0, which sees them all, judges who hangs; the others only whether it lives.
  PeerWatch watch(size_, dead_after_,
                  rank_ == 0 ? hung_after_ : std::numeric_limits<double>::infinity());
  while (!stop.stop_requested()) {
    try {
      exchange(watch);
    } catch (const std::exception&) {
      conclude("rank 0 died: the store it keeps does not answer");
    }
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, stop, std::chrono::duration<double>(interval_), [] { return false; });
  }
}

void Monitor::exchange(PeerWatch& watch) {
  const Beat own = next_beat();
  store_->set(beat_key(rank_), own.text());
  if (failed_)
    store_->set(kEndKey,
                concat("rank ", rank_, " failed in phase \"", own.phase, "\" of step ", own.step));
  else if (store_->check({kEndKey}))
    conclude(store_->get_to_str(kEndKey));
  std::vector<std::string> keys;  // all have been there since the ranks met
  for (int64_t rank = 0; rank < (rank_ == 0 ? size_ : 1); ++rank) keys.push_back(beat_key(rank));
  const auto beats = store_->multiGet(keys);
  for (size_t rank = 0; rank < beats.size(); ++rank)
    watch.observe(static_cast<int64_t>(rank), Beat::parse({beats[rank].begin(), beats[rank].end()}),
                  seconds_now());
  if (const auto verdict = watch.verdict(seconds_now())) {
    if (!finishing_) store_->set(kEndKey, *verdict);
    conclude(*verdict);
  }
}

// Ends the process from this thread: the main one may never return from where it is. Files are
// written under other names first, so none is left half-written under its own.
void Monitor::conclude(const std::string& line) {
  if (finishing_) return;
  log_error(concat(line, "; ending the run: --resume continues it from its last checkpoint"));
  if (rank_ == 0) sleep_for(4 * interval_);  // it may keep the store: the others must read it first
  _exit(1);
}

}  // namespace diffuse
