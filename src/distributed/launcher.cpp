#include "src/distributed/launcher.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>

#include "diffuse/core/error.h"
#include "src/core/duration.h"
#include "src/core/log.h"

namespace diffuse {

static constexpr int kStoppedEarly = 75;  // train's exit code: not a failure
static constexpr int kBadUse = 2;         // the cause where others only lost a process

// A port that is free now.
static uint16_t free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const bool bound =
      bind(descriptor, generic, size) == 0 && getsockname(descriptor, generic, &size) == 0;
  close(descriptor);
  if (!bound) throw Error("no free port on 127.0.0.1: ", std::strerror(errno));
  return ntohs(address.sin_port);
}

// Ends this process by the signal, as if it had no handler.
static void end_by(int signal) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, signal);
  sigprocmask(SIG_UNBLOCK, &mask, nullptr);
  raise(signal);
}

namespace {

class Processes {
 public:
  explicit Processes(double grace) : grace_(grace) {
    sigemptyset(&waited_for_);
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGCHLD}) sigaddset(&waited_for_, signal);
    sigprocmask(SIG_BLOCK, &waited_for_, &mask_before_);
  }
  ~Processes() { sigprocmask(SIG_SETMASK, &mask_before_, nullptr); }

  void start(const std::vector<std::string>& command, int64_t rank, int64_t size, uint16_t port) {
    const pid_t child = fork();
    if (child < 0) throw Error("cannot start process ", rank, ": ", std::strerror(errno));
    if (child == 0) become(command, rank, size, port);
    ranks_[child] = rank;
  }

  int wait() {
    while (!ranks_.empty()) {
      const timespec second{1, 0};
      const int signal = sigtimedwait(&waited_for_, nullptr, &second);
      if (signal > 0 && signal != SIGCHLD) {
        if (told_to_stop_ == 0) told_to_stop_ = signal;
        pass_on(signal);
      }
      collect();
      if (failed_ && seconds_now() - failed_at_ > grace_) pass_on(SIGKILL);
    }
    return code_;
  }

  // The first forwarded signal, or 0.
  int told_to_stop() const { return told_to_stop_; }

 private:
  [[noreturn]] void become(const std::vector<std::string>& command, int64_t rank, int64_t size,
                           uint16_t port) const {
    setpgid(0, 0);  // a terminal's ctrl-C reaches only the launcher, which forwards it
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
    const std::map<const char*, std::string> variables{
        {"RANK", std::to_string(rank)},       {"WORLD_SIZE", std::to_string(size)},
        {"LOCAL_RANK", std::to_string(rank)}, {"LOCAL_WORLD_SIZE", std::to_string(size)},
        {"MASTER_ADDR", "127.0.0.1"},         {"MASTER_PORT", std::to_string(port)}};
    for (const auto& [name, value] : variables) setenv(name, value.c_str(), 1);
    std::vector<char*> arguments;
    for (const std::string& part : command) arguments.push_back(const_cast<char*>(part.c_str()));
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    _exit(127);
  }

  void pass_on(int signal) const {
    for (const auto& [child, rank] : ranks_) kill(child, signal);
  }

  // Reaps the children that have ended.
  void collect() {
    int status = 0;
    for (pid_t child; (child = waitpid(-1, &status, WNOHANG)) > 0;) {
      const int64_t rank = ranks_.at(child);
      ranks_.erase(child);
      const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      if (failed_ && code == kBadUse) code_ = code;
      if (code == 0 || failed_) continue;
      code_ = code;
      if (code == kStoppedEarly) continue;
      failed_ = true;
      failed_at_ = seconds_now();
      if (WIFSIGNALED(status))
        log_error(concat("rank ", rank, " was killed by signal ", WTERMSIG(status)));
    }
  }

  double grace_;
  sigset_t waited_for_{}, mask_before_{};
  std::map<pid_t, int64_t> ranks_;  // still running
  int code_ = 0, told_to_stop_ = 0;
  bool failed_ = false;
  double failed_at_ = 0;
};

}  // namespace

int run_processes(const std::vector<std::string>& command, int64_t processes, double grace) {
  Processes running(grace);
  const uint16_t port = free_port();
  for (int64_t rank = 0; rank < processes; ++rank) running.start(command, rank, processes, port);
  const int code = running.wait();
  if (running.told_to_stop() != 0 && code != 0 && code != kStoppedEarly)
    end_by(running.told_to_stop());
  return code;
}

}  // namespace diffuse
