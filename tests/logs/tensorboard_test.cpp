#include "src/logs/tensorboard.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

using namespace std::string_literals;

std::string only_file(const std::filesystem::path& folder) {
  const auto path = std::filesystem::directory_iterator(folder)->path();
  EXPECT_EQ(path.filename().string().rfind("events.out.tfevents.", 0), 0U);
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

// What tensorboard's own EventAccumulator reads is checked by tests/python/tensorboard_test.py.
TEST(TensorBoardWriter, FramesRecordsWithMaskedChecksums) {
  const TestFolder folder;
  TensorBoardWriter(folder.path() / "run").flush();
  const std::string bytes = only_file(folder.path() / "run");
  // Event { wall_time: 9 bytes; file_version: tag, length and 13 bytes } is 24 bytes long. The
  // checksum of that length is tensorboard's masked_crc32c(struct.pack("<Q", 24)).
  ASSERT_EQ(bytes.size(), 8U + 4 + 24 + 4);
  EXPECT_EQ(bytes.substr(0, 12), "\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22"s);
  EXPECT_EQ(bytes.substr(12 + 9, 15),
            "\x1a\x0d"
            "brain.Event:2"s);
}

TEST(TensorBoardWriter, EncodesAScalar) {
  const TestFolder folder;
  TensorBoardWriter writer(folder.path());
  writer.scalar("loss", 300, 0.5);
  writer.flush();
  const std::string bytes = only_file(folder.path());
  // step: 300; summary { value { tag: "loss" simple_value: 0.5 } }
  EXPECT_NE(bytes.find("\x10\xac\x02\x2a\x0d\x0a\x0b\x0a\x04loss\x15\0\0\0\x3f"s),
            std::string::npos);
}

TEST(TensorBoardWriter, NamesTheFileItCannotWrite) {
  const std::string message = message_of([] { TensorBoardWriter("/dev/null/run"); });
  EXPECT_TRUE(message.starts_with("/dev/null/run/events.out.tfevents.")) << message;
  EXPECT_TRUE(message.ends_with(": cannot write: Not a directory")) << message;
}

}  // namespace
}  // namespace diffuse
