#include "meeting.h"

#include <c10/util/Logging.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <future>
#include <mutex>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "diffuse/core/duration.h"
#include "diffuse/core/error.h"
#include "diffuse/core/log.h"
#include "diffuse/core/stop.h"
#include "probe.h"
#include "world_parts.h"

namespace diffuse {

using StorePtr = c10::intrusive_ptr<c10d::Store>;

namespace {

// What the thread that meets the others shares with the one that waits for it.
class Attempt {
 public:
  Attempt(const Launch& whose, double seconds)
      : launch(whose), timeout(seconds), end(seconds_now() + seconds) {}

  const Launch launch;
  const double timeout, end;
  std::atomic<bool> given_up{false};
  std::atomic<bool> connected{false};  // to the store

  bool serves() const { return launch.rank == 0 && !launch.store_is_up; }
  bool is_over() const { return given_up || seconds_now() >= end; }
  std::string place() const { return concat(launch.host, ":", launch.port); }
  std::string advice() const { return launch.advice.empty() ? "" : " (" + launch.advice + ")"; }

  // Why there is no connection yet; "" where nothing is known.
  std::string trouble() const {
    const std::scoped_lock lock(mutex_);
    return trouble_;
  }
  void set_trouble(const std::string& text) {
    const std::scoped_lock lock(mutex_);
    trouble_ = text;
  }

 private:
  mutable std::mutex mutex_;
  std::string trouble_;
};

}  // namespace

static StorePtr open_store(const Attempt& attempt, bool serve) {
  c10d::TCPStoreOptions options;
  options.port = attempt.launch.port;
  options.isServer = serve;
  options.waitWorkers = false;
  options.timeout = milliseconds(std::max(attempt.end - seconds_now(), 1.0));
  const std::string host = attempt.serves() ? "127.0.0.1" : attempt.launch.host;
  return c10::make_intrusive<c10d::PrefixStore>("diffuse/" + attempt.launch.attempt,
                                                c10::make_intrusive<c10d::TCPStore>(host, options));
}

static StorePtr serve_store(const Attempt& attempt) {
  try {
    if (!connect_failure("127.0.0.1", attempt.launch.port).empty())
      return open_store(attempt, /*serve=*/true);
  } catch (const std::exception&) {  // says the same at greater length
  }
  throw std::runtime_error(
      concat("rank 0 cannot listen at ", attempt.place(), "; name a free port with MASTER_PORT"));
}

static StorePtr find_store(Attempt& attempt) {
  const Launch& launch = attempt.launch;
  for (;;) {
    attempt.set_trouble(connect_failure(launch.host, launch.port));
    if (attempt.trouble().empty()) {
      attempt.set_trouble("what listens there has not answered as rank 0 would");
      try {
        return open_store(attempt, /*serve=*/false);
      } catch (const std::exception&) {  // it may have ended, and come again
      }
    }
    if (attempt.is_over()) return {};
    std::this_thread::sleep_for(Milliseconds(250));
  }
}

static std::vector<std::string> all_keys(int64_t size) {
  std::vector<std::string> keys;
  for (int64_t rank = 0; rank < size; ++rank) keys.push_back(beat_key(rank));
  return keys;
}

// Whether rank 0 has heard of all within a moment.
static bool all_have_come(c10d::Store& store, const Attempt& attempt) {
  constexpr double kMoment = 0.5;
  try {
    store.wait(all_keys(attempt.launch.size),
               milliseconds(std::clamp(attempt.end - seconds_now(), 0.01, kMoment)));
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

// "1, 2", or "?" where the store is gone and nobody knows.
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

static void await_all(c10d::Store& store, const Attempt& attempt) {
  const Launch& launch = attempt.launch;
  if (store.check(all_keys(launch.size)))
    throw std::runtime_error(concat("all ", launch.size, " processes are at ", attempt.place(),
                                    " already: another run, which needs a MASTER_PORT of its own"));
  store.set(beat_key(launch.rank), Beat{}.text());
  while (!all_have_come(store, attempt)) {
    const std::string ranks = missing(store, launch.size);
    if (ranks == "?")
      throw std::runtime_error(concat("rank 0 went away from ", attempt.place(), " before all of ",
                                      launch.size, " processes had come"));
    if (attempt.is_over() && !ranks.empty())
      throw std::runtime_error(concat("of ", launch.size, " processes, rank ", ranks,
                                      " did not come to ", attempt.place(), " within ",
                                      format_duration(attempt.timeout), attempt.advice()));
  }
}

static Meeting run(Attempt& attempt) {
  const StorePtr store = attempt.serves() ? serve_store(attempt) : find_store(attempt);
  if (!store) return {};
  attempt.connected = true;
  if (attempt.serves())
    if (const std::string failure = resolve_failure(attempt.launch.host); !failure.empty())
      log_warning(concat("no other process may find this one, MASTER_ADDR is ", failure));
  await_all(*store, attempt);
  return {store, open_store(attempt, /*serve=*/false)};
}

// LibTorch's calls can be neither interrupted nor relied on to return: to a port that accepts and is
// silent they never do, and the thread is left behind.
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
  const std::string trouble = attempt.trouble();
  return concat("waiting up to ", format_duration(attempt.timeout), " for ",
                launch.rank == 0 ? others : "rank 0", " at ", attempt.place(), attempt.advice(),
                trouble.empty() ? "" : ": " + trouble);
}

static std::string nobody_line(const Attempt& attempt) {
  const Launch& launch = attempt.launch;
  if (attempt.connected)
    return concat("rank ", launch.rank, " found rank 0 at ", attempt.place(), ", but not all of ",
                  launch.size, " processes came within ", format_duration(attempt.timeout),
                  attempt.advice());
  return concat("rank ", launch.rank, " of ", launch.size, " did not find rank 0 at ",
                attempt.place(), " (MASTER_ADDR, MASTER_PORT) within ",
                format_duration(attempt.timeout), ": ", attempt.trouble(), attempt.advice());
}

// c10d tells of every try that fails, at length; what comes of them is told by us.
static void hush_c10d() {
  static const bool once = [] {
    setenv("TORCH_CPP_LOG_LEVEL", "FATAL", /*overwrite=*/0);
    c10::initLogging();
    return true;
  }();
  static_cast<void>(once);
}

Meeting meet(const Launch& launch, double timeout) {
  hush_c10d();
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
    throw std::runtime_error(concat("stopped by ", stop_reason(), " while it waited for the other ",
                                    "processes: nothing was done"));
  }
  Meeting meeting = result.get();
  if (!meeting.store) throw std::runtime_error(nobody_line(*attempt));
  for (const StorePtr& store : {meeting.store, meeting.monitor_store})
    store->setTimeout(milliseconds(timeout));
  return meeting;
}

}  // namespace diffuse
