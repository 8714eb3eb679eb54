#include "src/distributed/work_queue.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/test_folder.h"

namespace diffuse {

namespace fs = std::filesystem;

// Parts whose results are empty files of a folder.
struct Parts {
  explicit Parts(const fs::path& in) : folder(in) {}

  fs::path file(int64_t part) const { return folder / std::to_string(part); }
  bool is_done(int64_t part) const { return fs::exists(file(part)); }
  void write(int64_t part) const { std::ofstream(file(part)).put('x'); }

  bool run(int64_t count, double patience, const std::function<void(int64_t)>& work) const {
    WorkQueue queue(folder / "locks");
    return queue.run(
        count, patience, [&](int64_t part) { return is_done(part); }, work);
  }

  fs::path folder;
};

TEST(WorkQueue, DoesEveryPartOnceInSeveralWorkers) {
  const TestFolder folder;
  const Parts parts(folder.path());
  parts.write(3);  // done before
  std::vector<std::atomic<int>> times(40);
  std::vector<std::jthread> workers;
  for (int worker = 0; worker < 4; ++worker)
    workers.emplace_back([&] {
      EXPECT_TRUE(parts.run(40, 60, [&](int64_t part) {
        ++times[part];
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        parts.write(part);
      }));
    });
  workers.clear();
  for (int64_t part = 0; part < 40; ++part) EXPECT_EQ(times[part], part == 3 ? 0 : 1) << part;
}

TEST(WorkQueue, TakesThePartOfAProcessThatDied) {
  const TestFolder folder;
  const Parts parts(folder.path());
  int started[2];
  ASSERT_EQ(pipe(started), 0);
  const pid_t child = fork();
  if (child == 0)
    parts.run(3, 60, [&](int64_t part) {
      if (part < 1) return parts.write(part);
      if (write(started[1], "x", 1) == 1) pause();
      _exit(1);
    });
  char byte;
  ASSERT_EQ(read(started[0], &byte, 1), 1);
  std::jthread killer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    kill(child, SIGKILL);
  });
  std::vector<int64_t> done;
  EXPECT_TRUE(parts.run(3, 60, [&](int64_t part) {
    done.push_back(part);
    parts.write(part);
  }));
  EXPECT_EQ(done, (std::vector<int64_t>{2, 1}));
  waitpid(child, nullptr, 0);
}

TEST(WorkQueue, DoesWhatAnotherHoldsForTooLong) {
  const TestFolder folder;
  const Parts parts(folder.path());
  std::atomic<bool> taken = false, finish = false;
  std::jthread frozen([&] {
    parts.run(1, 60, [&](int64_t) {
      taken = true;
      while (!finish) std::this_thread::yield();
    });
  });
  while (!taken) std::this_thread::yield();
  EXPECT_TRUE(parts.run(1, 0.5, [&](int64_t part) { parts.write(part); }));
  EXPECT_TRUE(parts.is_done(0));
  finish = true;
}

}  // namespace diffuse
