#include "meeting.h"

#include <c10/util/Exception.h>
#include <c10/util/Logging.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "address.h"
#include "diffuse/core/error.h"
#include "monitor.h"
#include "peer_watch.h"
#include "reason.h"
#include "src/core/duration.h"
#include "src/core/log.h"
#include "src/core/stop.h"
#include "world_parts.h"

namespace diffuse {

using StorePtr = c10::intrusive_ptr<c10d::Store>;

namespace {

// Shared by the thread that connects and the one that waits for it.
class Attempt {
 public:
  Attempt(const Launch& whose, double seconds)
      : launch(whose), timeout(seconds), end(seconds_now() + seconds) {}

  const Launch launch;
  const double timeout, end;
  std::atomic<bool> given_up{false};
  std::atomic<bool> connected{false};  // to the store

  bool serves() const { return launch.rank == 0 && !launch.store_is_up; }
  bool on_one_machine() const { return launch.local_size == launch.size; }
  bool is_over() const { return given_up || seconds_now() >= end; }
  double seconds_left() const { return end - seconds_now(); }
  // Where the others connect: on one machine, not to the address of its name.
  std::string host() const {
    return on_one_machine() && !launch.store_is_up ? "127.0.0.1" : launch.host;
  }
  std::string place() const { return concat(launch.host, ":", launch.port); }
  std::string advice() const { return launch.advice.empty() ? "" : " (" + launch.advice + ")"; }

  // Why there is no connection yet, or may never be one; "" if no reason is known.
  std::string trouble() const {
    const std::scoped_lock lock(mutex_);
    return trouble_.empty() ? "" : ": " + trouble_;
  }
  void set_trouble(const std::string& text) {
    const std::scoped_lock lock(mutex_);
    trouble_ = text;
  }

 private:
  mutable std::mutex mutex_;
  std::string trouble_;
};

// Where this process reaches rank 0; `own_address` is its own address on that route.
struct Place {
  std::string host;
  uint16_t port = 0;
  std::string own_address;
};

}  // namespace

static std::string beat_of(c10d::Store& store, int64_t rank) {
  return store.get_to_str(beat_key(rank));
}

static std::string address_key(int64_t rank) { return concat("address/", rank); }

static StorePtr open_store(const Attempt& attempt, const Place& place,
                           std::optional<int> listener) {
  c10d::TCPStoreOptions options;
  options.port = place.port;
  options.isServer = listener.has_value();
  options.masterListenFd = listener;
  options.waitWorkers = false;
  options.timeout = milliseconds(std::max(attempt.seconds_left(), 1.0));
  return c10::make_intrusive<c10d::PrefixStore>(
      "diffuse/" + attempt.launch.attempt,
      c10::make_intrusive<c10d::TCPStore>(place.host, options));
}

// Rank 0's store: on one machine at the loopback only, else at MASTER_ADDR.
static StorePtr serve_store(Attempt& attempt, Place& place) {
  const Launch& launch = attempt.launch;
  try {
    const bool loopback = attempt.on_one_machine() || is_loopback(launch.host);
    const Listener listener = bind_listener(launch.host, launch.port, loopback);
    place = {listener.address, listener.port, listener.address};
    const StorePtr store = open_store(attempt, place, listener.descriptor);
    if (!listener.doubt.empty()) {
      attempt.set_trouble("MASTER_ADDR is " + listener.doubt);
      log_warning("other processes may not find this one: MASTER_ADDR is " + listener.doubt);
    }
    return store;
  } catch (const std::exception& error) {
    throw std::runtime_error(concat("rank 0 cannot listen at ", attempt.place(), ": ",
                                    reason_of(error), "; name a free port with MASTER_PORT"));
  }
}

static StorePtr find_store(Attempt& attempt, Place& place) {
  constexpr double kPatience = 5;
  for (;;) {
    const std::string host = attempt.host();
    const Contact found =
        contact(host, attempt.launch.port, std::clamp(attempt.seconds_left(), 0.1, kPatience));
    attempt.set_trouble(found.failure);
    if (found.failure.empty()) {
      attempt.set_trouble("the server there did not answer as rank 0");
      try {
        place = {host, attempt.launch.port, found.own_address};
        return open_store(attempt, place, std::nullopt);
      } catch (const std::exception&) {  // it may have ended and may restart
      }
    }
    if (attempt.is_over()) return {};
    std::this_thread::sleep_for(Milliseconds(250));
  }
}

static std::vector<std::string> all_keys(std::string (*key)(int64_t), int64_t size) {
  std::vector<std::string> keys;
  for (int64_t rank = 0; rank < size; ++rank) keys.push_back(key(rank));
  return keys;
}

// Whether all processes reach rank 0 within a moment.
static bool all_have_come(c10d::Store& store, const Attempt& attempt) {
  constexpr double kMoment = 0.5;
  try {
    store.wait(all_keys(beat_key, attempt.launch.size),
               milliseconds(std::clamp(attempt.seconds_left(), 0.01, kMoment)));
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

// "1, 2", or "?" if the store is gone.
static std::string missing(c10d::Store& store, int64_t size) {
  std::vector<std::string> ranks;
  try {
    for (int64_t rank = 0; rank < size; ++rank)
      if (!store.check({beat_key(rank)})) ranks.push_back(std::to_string(rank));
  } catch (const std::exception&) {
    return "?";
  }
  return join(ranks);
}

// Whether all processes have met here before, this rank included. If that rank's process has since died, as
// after a restart of this one, the run is told to end; if it is alive, this is another run.
static bool ended_a_run(c10d::Store& store, const Attempt& attempt) {
  const Launch& launch = attempt.launch;
  if (!store.check(all_keys(beat_key, launch.size))) return false;
  const std::string before = beat_of(store, launch.rank);
  const double patience = 0.3 * seconds_until_dead(attempt.timeout);
  for (const double begin = seconds_now(); seconds_now() - begin < patience;) {
    if (beat_of(store, launch.rank) != before)
      throw std::runtime_error(
          concat("all ", launch.size, " processes are already at ", attempt.place(),
                 ": another run, so this one needs a MASTER_PORT of its ", "own"));
    std::this_thread::sleep_for(Milliseconds(50));
  }
  store.set(kEndKey, concat("rank ", launch.rank, " died: its process was restarted"));
  return true;
}

static void await_all(c10d::Store& store, const Attempt& attempt, const std::string& own_address) {
  const Launch& launch = attempt.launch;
  store.set(address_key(launch.rank), own_address);
  store.set(beat_key(launch.rank), Beat{}.text());
  while (!all_have_come(store, attempt)) {
    const std::string ranks = missing(store, launch.size);
    if (ranks == "?")
      throw std::runtime_error(concat("rank 0 left ", attempt.place(), " before all of ",
                                      launch.size, " processes had connected"));
    if (attempt.is_over() && !ranks.empty())
      throw std::runtime_error(concat(
          "of ", launch.size, " processes, rank ", ranks, " did not connect to ", attempt.place(),
          " within ", format_duration(attempt.timeout), attempt.trouble(), attempt.advice()));
  }
}

// The address of this machine for the others. A process that reached rank 0 over the loopback, as on rank 0's
// own machine, uses the one on the route to a process elsewhere.
static std::string own_address(c10d::Store& store, const Attempt& attempt, const Place& place) {
  if (attempt.on_one_machine()) return "127.0.0.1";
  if (!is_loopback(place.own_address)) return place.own_address;
  for (const auto& value : store.multiGet(all_keys(address_key, attempt.launch.size))) {
    const std::string other(value.begin(), value.end());
    if (const std::string own = is_loopback(other) ? "" : source_address(other); !own.empty())
      return own;
  }
  return "127.0.0.1";
}

static Meeting run(Attempt& attempt) {
  for (bool told = false;;) {
    Place place;
    const StorePtr store =
        attempt.serves() ? serve_store(attempt, place) : find_store(attempt, place);
    if (!store) return {};
    attempt.connected = true;
    try {
      if (!ended_a_run(*store, attempt)) {
        await_all(*store, attempt, place.own_address);
        return {store, open_store(attempt, place, std::nullopt),
                own_address(*store, attempt, place)};
      }
      if (!told)
        log_warning(concat("rank ", attempt.launch.rank, " of the run at ", attempt.place(),
                           " died: waiting for the others to end and restart"));
      told = true;
    } catch (const c10::Error&) {  // the run has ended, and its store is gone
    }
    attempt.connected = false;
    std::this_thread::sleep_for(Milliseconds(500));
  }
}

// LibTorch's calls cannot be interrupted and may not return: on a port that accepts but stays silent they
// never do, and the thread is left behind.
static std::future<Meeting> start(const std::shared_ptr<Attempt>& attempt) {
  std::promise<Meeting> promise;
  std::future<Meeting> result = promise.get_future();
  std::thread([attempt, promise = std::move(promise)]() mutable {
    try {
      promise.set_value(run(*attempt));
    } catch (...) {
      promise.set_exception(std::current_exception());
    }
  }).detach();
  return result;
}

static std::string waiting_line(const Attempt& attempt) {
  const Launch& launch = attempt.launch;
  const std::string others = launch.size == 2 ? "rank 1" : concat("ranks 1 to ", launch.size - 1);
  return concat("waiting up to ", format_duration(attempt.timeout), " for ",
                launch.rank == 0 ? others : "rank 0", " at ", attempt.place(), attempt.advice(),
                attempt.trouble());
}

static std::string nobody_line(const Attempt& attempt) {
  const Launch& launch = attempt.launch;
  if (attempt.connected)
    return concat("rank ", launch.rank, " found rank 0 at ", attempt.place(), ", but not all of ",
                  launch.size, " processes connected within ", format_duration(attempt.timeout),
                  attempt.advice());
  return concat("rank ", launch.rank, " of ", launch.size, " did not find rank 0 at ",
                attempt.place(), " (MASTER_ADDR, MASTER_PORT) within ",
                format_duration(attempt.timeout), attempt.trouble(), attempt.advice());
}

// c10d logs every failed attempt at length; we log the outcome.
static void hush_c10d() {
  static const bool once = [] {
    setenv("TORCH_CPP_LOG_LEVEL", "FATAL", /*overwrite=*/0);
    c10::initLogging();
    return true;
  }();
  static_cast<void>(once);
}

// Each connection takes a file descriptor, and the usual limit is 1,024.
static void allow_many_connections() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

Meeting meet(const Launch& launch, double timeout) {
  hush_c10d();
  allow_many_connections();
  const auto attempt = std::make_shared<Attempt>(launch, timeout);
  std::future<Meeting> result = start(attempt);
  const double begin = seconds_now();
  bool told = false;
  while (result.wait_for(Milliseconds(50)) != std::future_status::ready) {
    const double waited = seconds_now() - begin;
    if (waited > timeout + (attempt->connected ? 2 : 0.5))
      throw std::runtime_error(nobody_line(*attempt));
    const bool is_first = launch.rank == 0;
    const double patience = is_first && launch.by_hand ? 0 : 1;  // the others are just starting
    if (!told && (is_first || !attempt->connected) && waited > patience) {
      told = true;
      log_warning(waiting_line(*attempt));
    }
    if (!stop_requested()) continue;
    attempt->given_up = true;
    result.wait_for(std::chrono::seconds(1));
    throw std::runtime_error(concat("stopped by ", stop_reason(), " while waiting for the other ",
                                    "processes: nothing was done"));
  }
  Meeting meeting = result.get();
  if (!meeting.store) throw std::runtime_error(nobody_line(*attempt));
  for (const StorePtr& store : {meeting.store, meeting.monitor_store})
    store->setTimeout(milliseconds(timeout));
  return meeting;
}

}  // namespace diffuse
