#include "src/files/zip_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {

// APPNOTE.TXT 4.3.14 to 4.3.16: with 65,535 entries and more the end record's counts are full, and those
// of the zip64 record before it are right.
TEST(ZipFile, HoldsMoreEntriesThanTheShortRecordCounts) {
  const TestFolder folder;
  const auto path = folder.path() / "many.zip";
  constexpr uint64_t kCount = 65'536;
  ZipWriter zip(path);
  for (uint64_t i = 0; i < kCount; ++i) zip.add(std::to_string(i), {i % 2 == 0 ? "even" : "odd"});
  zip.close();

  const ZipReader reader(path);
  ASSERT_EQ(reader.entries().size(), kCount);
  EXPECT_EQ(reader.read(*reader.find("0")), "even");
  EXPECT_EQ(reader.read(*reader.find("65535")), "odd");

  const std::string bytes = contents(path);
  const auto number = [&](size_t from_end, size_t size) {
    uint64_t value = 0;
    std::memcpy(&value, bytes.data() + bytes.size() - from_end, size);
    return value;
  };
  EXPECT_EQ(number(22, 4), 0x06054b50);                              // end of central directory
  EXPECT_EQ(number(22 - 8, 2), 0xffff);                              // entries on this disk
  EXPECT_EQ(number(22 - 10, 2), 0xffff);                             // entries
  EXPECT_EQ(number(22 + 20, 4), 0x07064b50);                         // zip64 locator
  EXPECT_EQ(number(22 + 20 - 8, 8), bytes.size() - (22 + 20 + 56));  // where the record is
  EXPECT_EQ(number(22 + 20 + 56, 4), 0x06064b50);                    // zip64 record
  EXPECT_EQ(number(22 + 20 + 56 - 24, 8), kCount);
  EXPECT_EQ(number(22 + 20 + 56 - 32, 8), kCount);
}

TEST(ZipFile, StartsEntriesWhereTheyMayBeMapped) {
  const TestFolder folder;
  const auto path = folder.path() / "aligned.zip";
  ZipWriter zip(path, 256);
  zip.add("a", {"needle one"});
  zip.add("longer name", {"needle ", "two"});
  zip.close();
  const std::string bytes = contents(path);
  for (const char* const data : {"needle one", "needle two"})
    EXPECT_EQ(bytes.find(data) % 256, 0) << data;
}

TEST(ZipFile, NamesAnEntryInOneLine) {
  const TestFolder folder;
  const auto path = folder.path() / "twice.zip";
  ZipWriter zip(path);
  for (int i = 0; i < 2; ++i) zip.add("a\n\x1b[31mü", {"x"});
  zip.close();
  EXPECT_EQ(message_of([&] { ZipReader reader(path); }),
            path.string() + ": zip entry a??[31mü is duplicated");
}

TEST(ZipFile, NamesADamagedEntry) {
  const TestFolder folder;
  const auto path = folder.path() / "damaged.zip";
  ZipWriter zip(path);
  zip.add("x", {"needle"});
  zip.close();
  std::string bytes = contents(path);
  bytes[bytes.find("needle")] ^= 1;
  write_file(path, bytes);
  const ZipReader reader(path);
  const std::string message = message_of([&] { reader.read(*reader.find("x")); });
  EXPECT_NE(message.find(path.string()), std::string::npos) << message;
}

}  // namespace diffuse
