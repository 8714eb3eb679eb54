#include "src/pictures/animation.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "diffuse/core/error.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

Image gradient(uint8_t seed, int64_t channels = 3) {
  Image image{.height = 7, .width = 5, .channels = channels, .pixels = {}};
  for (int64_t i = 0; i < 7 * 5 * channels; ++i)
    image.pixels.push_back(static_cast<uint8_t>(7 * i + 31 * seed));
  return image;
}

struct Chunk {
  std::string kind, data;
};

uint32_t number_at(const std::string& bytes, size_t at, size_t size = 4) {
  uint32_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(bytes.at(at + i));
  return value;
}

std::vector<Chunk> chunks_of(const std::string& png) {
  std::vector<Chunk> chunks;
  for (size_t at = 8; at < png.size(); at += 12 + number_at(png, at))
    chunks.push_back({png.substr(at + 4, 4), png.substr(at + 8, number_at(png, at))});
  return chunks;
}

// What a program that knows no APNG sees, and what one that does is told; tests/python/animation_test.py
// has such a program.
TEST(Apng, IsAPngOfTheFirstFrameWithTheOthersInChunks) {
  const std::vector<Image> frames{gradient(1), gradient(2), gradient(3)};
  const std::string bytes = encode_apng(frames, 60, 2000, {{"parameters", "{\"n\": 1}"}});
  EXPECT_EQ(decode_image(bytes, "film").pixels, frames[0].pixels);
  EXPECT_EQ(find_png_text(bytes, "parameters"), "{\"n\": 1}");
  std::vector<uint32_t> delays, sequence;
  for (const auto& [kind, data] : chunks_of(bytes)) {
    if (kind == "acTL") {
      EXPECT_EQ(number_at(data, 0), 3U);
      EXPECT_EQ(number_at(data, 4), 0U);
    }
    if (kind == "fcTL") delays.push_back(number_at(data, 20, 2) * 1000 / number_at(data, 22, 2));
    if (kind == "fcTL" || kind == "fdAT") sequence.push_back(number_at(data, 0));
  }
  EXPECT_EQ(delays, (std::vector<uint32_t>{60, 60, 2000}));
  EXPECT_EQ(sequence, (std::vector<uint32_t>{0, 1, 2, 3, 4}));
}

TEST(FindPngText, ReadsBothKindsAndOnlyThePlainOnes) {
  const std::string png =
      encode_png(gradient(1), {{"Software", "diffuse"}, {"Author", "Ångström"}});
  EXPECT_EQ(find_png_text(png, "Software"), "diffuse");
  EXPECT_EQ(find_png_text(png, "Author"), "Ångström");
  EXPECT_EQ(find_png_text(png, "Soft"), "");
  EXPECT_EQ(find_png_text("no picture", "Software"), "");
  for (size_t size = 0; size < png.size(); ++size) find_png_text(png.substr(0, size), "Author");
}

TEST(WriteAnimation, WritesEveryEndingThatItNames) {
  const TestFolder folder;
  for (const std::string& ending : animation_endings())
    for (const int64_t channels : {1, 3}) {
      const auto file = folder.path() / ("film" + ending);
      ASSERT_TRUE(is_animation(file));
      const std::vector<Image> frames{gradient(1, channels), gradient(2, channels)};
      write_animation(file, frames, 60, 2000);
      const bool exact = ending != ".gif" || channels == 1;
      EXPECT_TRUE(!exact || read_image(file, channels).pixels == frames[0].pixels)
          << ending << channels;
    }
  EXPECT_FALSE(is_animation("film.png"));
  EXPECT_TRUE(is_animation("FILM.APNG"));
  const Image other{.height = 1, .width = 1, .channels = 3, .pixels = {0, 0, 0}};
  EXPECT_THROW(write_animation(folder.path() / "x.apng", {gradient(1), other}, 1, 1),
               std::logic_error);
}

}  // namespace
}  // namespace diffuse
