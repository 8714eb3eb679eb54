#include "src/distributed/work_queue.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "diffuse/core/error.h"
#include "src/core/duration.h"
#include "src/core/stop.h"

namespace fs = std::filesystem;

namespace diffuse {

// Byte 0 of the file is the lock of alone(), byte 1 + part that of a part. The locks belong to the open file,
// not to the process, so two queues in one process exclude each other as well.
class WorkQueue::Lock {
 public:
  Lock(int descriptor, int64_t byte, bool wait) : descriptor_(descriptor), byte_(byte) {
    const int code = set(F_WRLCK, wait ? F_OFD_SETLKW : F_OFD_SETLK);
    held_ = code == 0 ||
            (code != EAGAIN && code != EACCES);  // other errors: the file system has no locks
  }
  ~Lock() {
    if (held_) set(F_UNLCK, F_OFD_SETLK);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  bool held() const { return held_; }

 private:
  int set(short type, int command) const {
    struct flock region {};
    region.l_type = type;
    region.l_whence = SEEK_SET;
    region.l_start = byte_;
    region.l_len = 1;
    return fcntl(descriptor_, command, &region) == 0 ? 0 : errno;
  }

  int descriptor_;
  int64_t byte_;
  bool held_ = false;
};

WorkQueue::WorkQueue(fs::path locks)
    : file_(std::move(locks)),
      descriptor_(open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) throw Error(file_.string(), ": cannot write: ", std::strerror(errno));
}

WorkQueue::~WorkQueue() { close(descriptor_); }

void WorkQueue::alone(const std::function<void()>& work) {
  const Lock lock(descriptor_, 0, /*wait=*/true);
  work();
}

bool WorkQueue::run(int64_t count, double patience, const std::function<bool(int64_t)>& is_done,
                    const std::function<void(int64_t)>& work) {
  constexpr std::chrono::milliseconds kPause{200};
  std::vector<bool> done(count);
  double changed_at = seconds_now();
  for (;;) {
    const bool impatient = seconds_now() - changed_at > patience;
    bool all = true, changed = false;
    for (int64_t part = 0; part < count; ++part) {
      if (stop_requested()) return false;
      if (done[part]) continue;
      if (!is_done(part)) {
        const Lock lock(descriptor_, 1 + part, /*wait=*/false);
        if (!lock.held() && !impatient) {
          all = false;
          continue;
        }
        if (!is_done(part)) work(part);  // another may just have done it
      }
      done[part] = changed = true;
      changed_at = seconds_now();
    }
    if (all) return true;
    if (!changed) std::this_thread::sleep_for(kPause);
  }
}

void WorkQueue::remove() {
  std::error_code ignored;
  fs::remove(file_, ignored);
}

}  // namespace diffuse
