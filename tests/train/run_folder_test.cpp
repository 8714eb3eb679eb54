// A run folder's lock.
#include "src/train/run_folder.h"

#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <thread>

#include "diffuse/core/error.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

static int refusal = 0;  // what flock() fails with; 0: it works

// In the place of the C library's.
extern "C" int flock(int descriptor, int operation) noexcept {
  if (refusal == 0) return static_cast<int>(syscall(SYS_flock, descriptor, operation));
  errno = refusal;
  return -1;
}

namespace diffuse {

TEST(RunFolder, WaitsForALockThatIsLetGo) {
  const TestFolder scratch;
  std::optional<RunFolder> first(scratch.path());
  std::jthread ending([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    first.reset();
  });
  testing::internal::CaptureStderr();
  const RunFolder second(scratch.path(), /*patience=*/60);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("another run is writing here; waiting up to 1m00s"), std::string::npos) << log;
}

TEST(RunFolder, GivesUpOnALockThatIsKept) {
  const TestFolder scratch;
  const RunFolder first(scratch.path());
  const std::string message = message_of([&] { RunFolder(scratch.path(), /*patience=*/0.2); });
  EXPECT_NE(message.find("another run is writing here"), std::string::npos) << message;
}

TEST(RunFolder, WarnsWhereThereAreNoLocks) {
  const TestFolder scratch;
  testing::internal::CaptureStderr();
  refusal = ENOLCK;
  const RunFolder folder(scratch.path());
  refusal = 0;
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("cannot be locked (No locks available)"), std::string::npos) << log;
}

}  // namespace diffuse
