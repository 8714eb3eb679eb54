#include "src/core/standard_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace diffuse {

void secure_standard_streams() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  // open() returns the lowest free descriptor, so the order matters.
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(stream, F_GETFD) < 0 && errno == EBADF)
      open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY);
}

// Of a pipe, a socket or a terminal.
static bool has_no_reader() {
  pollfd stream{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  return poll(&stream, 1, 0) == 1 && (stream.revents & (POLLERR | POLLHUP)) != 0;
}

bool stdout_is_unread() {
  const int mode = fcntl(STDOUT_FILENO, F_GETFL);
  return mode < 0 || (mode & O_ACCMODE) == O_RDONLY || has_no_reader();
}

bool finish_stdout() {
  errno = 0;
  const bool flushed = std::fflush(stdout) == 0;
  const int reason = errno;
  if (flushed && std::ferror(stdout) == 0) return true;
  if (has_no_reader()) {
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
  }
  // If an earlier write failed, its reason is lost.
  std::fprintf(stderr, "diffuse: stdout: not all output was written%s%s\n", reason != 0 ? ": " : "",
               reason != 0 ? std::strerror(reason) : "");
  return false;
}

}  // namespace diffuse
