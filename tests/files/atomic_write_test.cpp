#include "src/files/atomic_write.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "diffuse/core/error.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;

int64_t entries(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

// The text of the Error thrown by writing `bytes` to `path`.
std::string failure(const fs::path& path, std::string_view bytes = "x") {
  return message_of([&] { atomic_write(path, bytes); });
}

TEST(AtomicWrite, ReplacesTheTargetAndLeavesNothingElse) {
  const TestFolder folder;
  const fs::path target = folder.path() / "new" / "deep" / "file.bin";
  atomic_write(target, "first");
  atomic_write(target, std::string_view("a\0b\xff", 4));
  EXPECT_EQ(contents(target), std::string("a\0b\xff", 4));
  EXPECT_EQ(entries(target.parent_path()), 1);
}

TEST(AtomicWrite, ExceptionKeepsTheOldFileAndRemovesTheTemporary) {
  const TestFolder folder;
  const fs::path target = folder.path() / "file";
  atomic_write(target, "old");
  const auto write = [&](const fs::path& path) {
    EXPECT_EQ(path.parent_path(), folder.path());
    EXPECT_EQ(path.filename().string().rfind(".file.tmp-", 0), 0U) << path;
    write_file(path, "half");
    throw std::runtime_error("stop");
  };
  EXPECT_THROW(atomic_write(target, write), std::runtime_error);
  EXPECT_EQ(contents(target), "old");
  EXPECT_EQ(entries(folder.path()), 1);
}

TEST(AtomicWrite, GivesThePermissionsOfAPlainFile) {
  const TestFolder folder;
  atomic_write(folder.path() / "atomic", "x");
  write_file(folder.path() / "plain", "x");
  EXPECT_EQ(fs::status(folder.path() / "atomic").permissions(),
            fs::status(folder.path() / "plain").permissions());
}

TEST(AtomicWrite, WritesThroughASymbolicLink) {
  const TestFolder folder;
  atomic_write(folder.path() / "real", "old");
  fs::create_symlink("real", folder.path() / "link");
  atomic_write(folder.path() / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder.path() / "link"));
  EXPECT_EQ(contents(folder.path() / "real"), "new");
}

TEST(AtomicWrite, ErrorsNameTheTargetAndTheReason) {
  const TestFolder folder;
  const fs::path file = folder.path() / "file";
  atomic_write(file, "x");
  EXPECT_EQ(failure(file / "below"), (file / "below").string() + ": cannot write: Not a directory");
  EXPECT_EQ(failure(folder.path()), folder.path().string() + ": cannot write: it is a folder");
  const fs::path long_name = folder.path() / std::string(300, 'n');
  EXPECT_EQ(failure(long_name), long_name.string() + ": cannot write: File name too long");
}

TEST(AtomicWrite, WritesToDevicesAsTheyAre) {
  check_can_write("/dev/null");
  atomic_write("/dev/null", "x");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_THROW(atomic_write("/dev/full", "x"), std::runtime_error);
}

TEST(AtomicWrite, RefusesAnUnwritableFolder) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  const TestFolder folder;
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const fs::path target = folder.path() / "file";
  EXPECT_EQ(failure(target), target.string() + ": cannot write: Permission denied");
  fs::permissions(folder.path(), fs::perms::owner_all);
}

// A file-size limit fails in the middle of a write just as a full disk does.
TEST(AtomicWrite, FailedWriteKeepsTheOldFile) {
  const TestFolder folder;
  const fs::path target = folder.path() / "file";
  atomic_write(target, "old");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = 4096, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message;
  try {
    atomic_write(target, std::string(100'000, 'x'));
  } catch (const std::runtime_error& error) {
    if (dynamic_cast<const Error*>(&error) == nullptr) message = error.what();  // no bad use
  }
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(message, target.string() + ": cannot write: File too large");
  EXPECT_EQ(contents(target), "old");
  EXPECT_EQ(entries(folder.path()), 1);
}

TEST(AtomicWrite, IsCheckedWithoutATrace) {
  const TestFolder folder;
  const auto refused = [](const fs::path& target) {
    return message_of([&] { check_can_write(target); });
  };
  EXPECT_EQ(refused(folder.path() / "new/deep/file"), "");
  EXPECT_EQ(refused(folder.path() / "file"), "");
  EXPECT_EQ(entries(folder.path()), 0);
  const fs::path file = folder.path() / "file";
  atomic_write(file, "x");
  EXPECT_EQ(refused(file), "");
  EXPECT_EQ(contents(file), "x");
  EXPECT_EQ(entries(folder.path()), 1);
  EXPECT_EQ(refused(file / "below/it"),
            (file / "below/it").string() + ": cannot write: Not a directory");
  EXPECT_EQ(refused(folder.path()), folder.path().string() + ": cannot write: it is a folder");
  EXPECT_EQ(message_of([&] { check_can_write_in(file); }),
            file.string() + ": cannot write: Not a directory");
  EXPECT_EQ(message_of([&] { check_can_write_in(folder.path() / "new/deep"); }), "");
  EXPECT_EQ(entries(folder.path()), 1);
  const fs::path device = "/proc/no/file";  // where nobody can write
  EXPECT_EQ(refused(device), device.string() + ": cannot write: No such file or directory");
}

}  // namespace
}  // namespace diffuse
