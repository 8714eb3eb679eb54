#include "src/core/stop.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace diffuse {

static std::atomic<int> first_signal{0};
static std::atomic<bool> interrupted{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

// Runs as a signal handler: flags and _exit, nothing else.
static void note_signal(int signal) {
  if (signal == SIGINT && interrupted.exchange(true)) _exit(130);
  int none = 0;
  first_signal.compare_exchange_strong(none, signal);
}

void install_stop_handlers() {
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;  // reads and writes in progress continue
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaction(signal, &action, nullptr);
}

bool stop_requested() { return first_signal != 0; }

int stop_signal() { return first_signal; }

const char* signal_name(int signal) {
  switch (signal) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGUSR1:
      return "SIGUSR1";
    default:
      return "";
  }
}

}  // namespace diffuse
