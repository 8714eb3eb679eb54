#include "src/files/gz_file.h"

#include <gtest/gtest.h>

#include "tests/message_of.h"
#include "tests/test_folder.h"
#include "tests/write_gz.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;

TEST(GzFile, ReadsPlainAndCompressedBytes) {
  const TestFolder folder;
  write_gz(folder.path() / "packed", "abc");
  write_file(folder.path() / "plain", "abc");
  for (const char* const name : {"packed", "plain"}) {
    GzFile file(folder.path() / name);
    EXPECT_EQ(file.read(2), (std::vector<uint8_t>{'a', 'b'}));
    EXPECT_EQ(file.read(2), std::vector<uint8_t>{'c'});
  }
}

TEST(GzFile, RefusesWhatIsNoFile) {
  const auto refusal = [](const fs::path& path) { return message_of([&] { GzFile file(path); }); };
  const TestFolder folder;
  EXPECT_EQ(refusal("/dev/zero"), "/dev/zero: expected a file, got something else");
  EXPECT_EQ(refusal(folder.path()), folder.path().string() + ": expected a file, got a folder");
  EXPECT_EQ(refusal(folder.path() / "x"),
            (folder.path() / "x").string() + ": cannot open: No such file or directory");
}

TEST(GzFile, SaysWhatIsDamaged) {
  const TestFolder folder;
  const fs::path path = folder.path() / "x.gz";
  write_gz(path, "abc");
  std::string bytes = contents(path);
  bytes[bytes.size() - 5] ^= 1;  // of the checksum
  write_file(path, bytes);
  EXPECT_EQ(message_of([&] { GzFile(path).read(3 + 1); }),
            path.string() + ": cannot be read: incorrect data check");
}

TEST(UnpackGzip, SharesWhatIsHeld) {
  const TestFolder folder;
  const fs::path path = folder.path() / "x.gz";
  write_gz(path, "abc");
  const auto first = unpack_gzip(path);
  EXPECT_EQ(unpack_gzip(path), first);
  EXPECT_EQ(first->read(0, first->size()), "abc");
  write_gz(path, "abcd");  // another file
  const auto second = unpack_gzip(path);
  EXPECT_EQ(second->read(0, second->size()), "abcd");
  EXPECT_EQ(first->read(0, first->size()), "abc");
}

}  // namespace
}  // namespace diffuse
