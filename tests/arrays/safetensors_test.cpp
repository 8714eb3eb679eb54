#include "src/arrays/safetensors.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <random>

#include "diffuse/core/error.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;

// A file of a hand-made header and so many bytes of zeros.
void write_header(const fs::path& path, const std::string& header, size_t zeros) {
  const uint64_t length = header.size();
  write_file(path, std::string(reinterpret_cast<const char*>(&length), 8) + header +
                       std::string(zeros, '\0'));
}

std::string header_failure(const std::string& header, size_t zeros) {
  const TestFolder folder;
  const fs::path path = folder.path() / "f";
  write_header(path, header, zeros);
  const std::string message = message_of([&] { read_safetensors(path); });
  return message.empty() ? "" : message.substr(message.find(": ") + 2);
}

// As in the format's description: F16, [1, 16, 256], bytes 0 to 8192.
TEST(Safetensors, ReadsTheDescribedLayout) {
  const TestFolder folder;
  const fs::path path = folder.path() / "f.safetensors";
  const std::string header =
      R"({"__metadata__":{"a":"b"},"T":{"dtype":"F16","shape":[1,16,256],"data_offsets":[0,8192]}} )";
  write_header(path, header, 8192);
  const Safetensors read = read_safetensors(path);
  ASSERT_EQ(read.tensors.size(), 1u);
  EXPECT_EQ(read.tensors[0].first, "T");
  EXPECT_EQ(read.tensors[0].second.scalar_type(), at::kHalf);
  EXPECT_EQ(read.tensors[0].second.sizes(), (at::IntArrayRef{1, 16, 256}));
  EXPECT_EQ(read.metadata, (std::map<std::string, std::string>{{"a", "b"}}));
}

// One float32, 1.5, byte by byte.
TEST(Safetensors, WritesTheDescribedLayout) {
  const TestFolder folder;
  const fs::path path = folder.path() / "f.safetensors";
  write_safetensors(path, {.tensors = {{"x", at::tensor({1.5f})}}, .metadata = {}});
  std::string expected(8, '\0');
  expected[0] = 56;  // the header's length, padded with a space to a multiple of 8
  expected += R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  expected += std::string("  ") + std::string("\0\0\xc0\x3f", 4);
  EXPECT_EQ(contents(path), expected);
}

TEST(Safetensors, KeepsEveryKindAndShape) {
  const TestFolder folder;
  const fs::path path = folder.path() / "f.safetensors";
  Safetensors written{.tensors = {}, .metadata = {{"format", "pt"}, {"text", "{\"β\": \"\n\"}"}}};
  for (const auto type : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kLong, at::kInt,
                          at::kShort, at::kChar, at::kByte, at::kBool})
    written.tensors.emplace_back(c10::toString(type), at::arange(6).reshape({2, 3}).to(type));
  written.tensors.emplace_back("scalar", at::scalar_tensor(2.5));
  written.tensors.emplace_back("empty", at::empty({0, 3}));
  written.tensors.emplace_back("transposed", at::arange(6.0).reshape({2, 3}).t());
  write_safetensors(path, written);

  const Safetensors read = read_safetensors(path);
  EXPECT_EQ(read.metadata, written.metadata);
  ASSERT_EQ(read.tensors.size(), written.tensors.size());
  std::map<std::string, at::Tensor> by_name(read.tensors.begin(), read.tensors.end());
  for (const auto& [name, tensor] : written.tensors) {
    EXPECT_EQ(by_name.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(by_name.at(name), tensor)) << name;
  }
}

TEST(Safetensors, TensorsOutliveTheFileAndWritingThemLeavesItAlone) {
  const TestFolder folder;
  const fs::path path = folder.path() / "f.safetensors";
  write_safetensors(path, {.tensors = {{"x", at::arange(4.0)}}, .metadata = {}});
  const std::string before = contents(path);
  const at::Tensor x = read_safetensors(path).tensors[0].second;
  x.add_(1);
  EXPECT_EQ(contents(path), before);
  fs::remove(path);
  EXPECT_TRUE(at::equal(x, at::arange(1.0, 5.0)));
}

TEST(Safetensors, RefusesAHeaderLargerThanTheFileBeforeReadingIt) {
  const TestFolder folder;
  const fs::path path = folder.path() / "f";
  write_file(path, "\xff\xff\xff\xff\xff\xff\xff\x7f{}");
  EXPECT_THROW(read_safetensors(path), Error);
  write_file(path, "short");
  EXPECT_THROW(read_safetensors(path), Error);
  EXPECT_THROW(read_safetensors(folder.path() / "none"), Error);
}

TEST(Safetensors, RefusesAHugeHeaderThatIsThere) {
  EXPECT_EQ(header_failure(std::string((16 << 20) + 1, ' '), 0),
            "a header of 16777217 bytes; expected at most 16777216");
}

TEST(Safetensors, NamesWhatIsWrong) {
  const auto one = [](const std::string& fields) { return "{\"x\":{" + fields + "}}"; };
  EXPECT_EQ(header_failure("[]", 0), "not a safetensors file: the header is not a JSON object");
  EXPECT_EQ(header_failure(R"({"x":{},"x":{}})", 0), "/x: duplicate key");
  EXPECT_EQ(header_failure(one(R"("dtype":"F4","shape":[],"data_offsets":[0,4])"), 4),
            "x/dtype: \"F4\" is not supported");
  EXPECT_EQ(header_failure(one(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), 4),
            "x/shape: expected a list of whole numbers");
  EXPECT_EQ(header_failure(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), 4),
            "x: its shape and dtype take 8 bytes, but its data_offsets 4");
  EXPECT_EQ(header_failure(
                one(R"("dtype":"F32","shape":[4611686018427387904,2],"data_offsets":[0,4])"), 4),
            "x: its shape and dtype take too many bytes, but its data_offsets 4");
  EXPECT_EQ(header_failure(
                one(R"("dtype":"F32","shape":[0,4611686018427387904,8],"data_offsets":[0,0])"), 0),
            "x: its shape and dtype take too many bytes, but its data_offsets 0");
  EXPECT_EQ(header_failure(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), 4),
            "x/data_offsets: expected a begin and an end within the file's 4 bytes of data");
  EXPECT_EQ(header_failure(one(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"), 8),
            "x/data_offsets: begins at byte 4, but the previous tensor ends at 0");
  EXPECT_EQ(header_failure(one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"), 5),
            "the tensors take 4 bytes, but the file has 5 after its header");
}

TEST(Safetensors, RefusesOverlaps) {
  EXPECT_EQ(header_failure(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                           R"("b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
                           6),
            "b/data_offsets: begins at byte 2, but the previous tensor ends at 4");
}

// Headers damaged at random: each is read whole or refused with an Error, nothing else.
TEST(Safetensors, SurvivesDamagedHeaders) {
  const TestFolder folder;
  const fs::path path = folder.path() / "f.safetensors";
  write_safetensors(path, {.tensors = {{"a", at::arange(6.0)}, {"b", at::ones({2, 3}, at::kByte)}},
                           .metadata = {{"format", "pt"}}});
  const std::string whole = contents(path);
  const std::string pieces = "0123456789-[]{},:\"eE.\\ \xff";
  std::mt19937 random(1);
  int read = 0, refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = whole;
    for (uint32_t changes = 1 + random() % 3; changes > 0; --changes) {
      const size_t at = random() % (damaged.size() - 30);  // the header, mostly
      if (random() % 2 == 0) damaged[at] = pieces[random() % pieces.size()];
      if (random() % 8 == 0) damaged.erase(at, random() % 4);
      if (random() % 8 == 0) damaged.insert(at, 1, pieces[random() % pieces.size()]);
      if (random() % 16 == 0) damaged[random() % 8] = static_cast<char>(random());
    }
    write_file(path, damaged);
    try {
      for (const auto& [name, tensor] : read_safetensors(path).tensors) tensor.to(at::kFloat).sum();
      ++read;
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(read, 100);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace diffuse
