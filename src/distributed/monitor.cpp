#include "monitor.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>

#include "diffuse/core/error.h"
#include "peer_watch.h"
#include "src/core/duration.h"
#include "src/core/log.h"

namespace diffuse {

std::string beat_key(int64_t rank) { return concat("beat/", rank); }

double seconds_until_dead(double peer_timeout) { return std::min(peer_timeout, 10.0); }

// Whether files are read or written in a phase.
static bool reads_or_writes(const std::string& phase) {
  return phase == Beat{}.phase || phase == "restoring" || phase == "saving";
}

static void sleep_for(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

class Monitor::Shared {
 public:
  Shared(c10::intrusive_ptr<c10d::Store> store, int64_t rank, int64_t size, double peer_timeout)
      : hung_after(peer_timeout),
        dead_after(seconds_until_dead(peer_timeout)),
        interval(dead_after / 20),
        store_(std::move(store)),
        rank_(rank),
        size_(size),
        clock_(4 * interval) {}

  const double hung_after, dead_after, interval;
  std::atomic<bool> finishing{false}, failed{false};

  // Changes the next heartbeat: the main thread has begun or ended something.
  template <class Change>
  void set_beat(const Change& change) {
    const std::scoped_lock lock(mutex_);
    change(beat_);
    ++beat_.progress;
  }

  // Sends and receives heartbeats until stop(), on its own thread.
  void exchange_beats();

  // Waits for an interval; false after stop().
  bool pause();

  // Ends exchange_beats(), and briefly waits for it.
  void stop();

  // Ends the process if the store has not answered for too long. Called every interval.
  void check_store();

 private:
  void exchange(PeerWatch& watch);
  void conclude(const std::string& line);
  Beat next_beat();
  double now() {
    const std::scoped_lock lock(mutex_);
    return clock_.tick(seconds_now());
  }

  const c10::intrusive_ptr<c10d::Store> store_;
  const int64_t rank_, size_;
  std::atomic<double> answered_at_{0};  // now() of the last completed exchange
  std::atomic<bool> concluded_{false};
  std::condition_variable changed_;
  std::mutex mutex_;  // guards the rest
  RunningClock clock_;
  Beat beat_;
  bool stopping_ = false, stopped_ = false;
};

Beat Monitor::Shared::next_beat() {
  const std::scoped_lock lock(mutex_);
  ++beat_.beats;
  return beat_;
}

void Monitor::Shared::exchange_beats() {
  // Rank 0, which sees them all, decides which is hung; the others only whether rank 0 is alive.
  PeerWatch watch(size_, dead_after,
                  rank_ == 0 ? hung_after : std::numeric_limits<double>::infinity());
  do {
    try {
      exchange(watch);
      answered_at_ = now();
    } catch (const std::exception&) {
      conclude("rank 0 died: its store does not answer");
    }
  } while (pause());
  const std::scoped_lock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

void Monitor::Shared::exchange(PeerWatch& watch) {
  const Beat own = next_beat();
  store_->set(beat_key(rank_), own.text());
  if (failed)
    store_->set(kEndKey,
                concat("rank ", rank_, " failed in phase \"", own.phase, "\" of step ", own.step));
  else if (store_->check({kEndKey}))
    conclude(store_->get_to_str(kEndKey));
  std::vector<std::string> keys;  // all exist since the ranks met
  for (int64_t rank = 0; rank < (rank_ == 0 ? size_ : 1); ++rank) keys.push_back(beat_key(rank));
  const auto beats = store_->multiGet(keys);
  const double at = now();
  for (size_t rank = 0; rank < beats.size(); ++rank)
    watch.observe(static_cast<int64_t>(rank), Beat::parse({beats[rank].begin(), beats[rank].end()}),
                  at);
  if (const auto verdict = watch.verdict(at)) {
    if (!finishing) store_->set(kEndKey, *verdict);
    conclude(*verdict);
  }
}

void Monitor::Shared::check_store() {
  const double silent = now() - answered_at_;
  if (silent > dead_after)
    conclude(
        concat("rank 0 died or cannot be reached: no heartbeat for ", format_duration(silent)));
}

bool Monitor::Shared::pause() {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, std::chrono::duration<double>(interval),
                            [this] { return stopping_; });
}

void Monitor::Shared::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  changed_.wait_for(lock, std::chrono::seconds(2), [this] { return stopped_; });
}

// Ends the process from this thread: the main one may never return from its call. Files are written under
// temporary names first, so none is left half-written.
void Monitor::Shared::conclude(const std::string& line) {
  if (finishing || concluded_.exchange(true)) return;
  const bool began = [this] {
    const std::scoped_lock lock(mutex_);
    return beat_.phase != Beat{}.phase;
  }();
  log_error(concat(line, began ? "; ending the run: --resume continues it from its last checkpoint"
                               : "; ending before the first step"));
  if (rank_ == 0) sleep_for(4 * interval);  // it may hold the store: the others must read it first
  _exit(1);
}

Monitor::Monitor(c10::intrusive_ptr<c10d::Store> store, int64_t rank, int64_t size,
                 double peer_timeout)
    : shared_(std::make_shared<Shared>(std::move(store), rank, size, peer_timeout)),
      guard_([shared = shared_] {
        while (shared->pause()) shared->check_store();
      }) {
  std::thread([shared = shared_] { shared->exchange_beats(); }).detach();
}

Monitor::~Monitor() {
  finish();
  shared_->stop();
}

void Monitor::phase(const char* name, int64_t step) {
  shared_->set_beat([&](Beat& beat) {
    beat.phase = name;
    beat.step = step;
    beat.unhurried = reads_or_writes(beat.phase);
  });
}

void Monitor::progress() {
  shared_->set_beat([](Beat& beat) {
    if (beat.phase == Beat{}.phase) beat.phase = "computing";
    beat.unhurried = reads_or_writes(beat.phase);
  });
}

void Monitor::begin_collective() {
  shared_->set_beat([](Beat& beat) {
    beat.unhurried = false;
    ++beat.collectives;
  });
}

void Monitor::end_collective() {
  shared_->set_beat([](Beat& beat) { beat.unhurried = reads_or_writes(beat.phase); });
}

void Monitor::await_verdict() { sleep_for(2 * shared_->dead_after + 1); }

void Monitor::report_failure() {
  shared_->failed = true;
  sleep_for(4 * shared_->interval);  // rank 0 may hold the store: the others must read it first
}

void Monitor::finish() { shared_->finishing = true; }

}  // namespace diffuse
