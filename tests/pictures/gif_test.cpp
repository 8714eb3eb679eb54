#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

#include "src/pictures/image_file.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

struct GifFrame {
  int delay;  // hundredths of a second
  std::vector<uint8_t> rgb;
};

struct Gif {
  int width, height;
  bool loops = false;
  std::vector<GifFrame> frames;
};

// The indices that a LZW stream with 8-bit symbols stands for.
std::vector<uint8_t> decode_lzw(const std::string& data) {
  std::vector<std::string> table;
  std::vector<uint8_t> result;
  size_t bit = 0, width = 9;
  std::string previous;
  for (;;) {
    size_t code = 0;
    for (size_t i = 0; i < width; ++i, ++bit)
      code |= (size_t{static_cast<uint8_t>(data.at(bit / 8))} >> bit % 8 & 1) << i;
    if (code == 257) return result;
    if (code == 256) {
      table.clear();
      for (int i = 0; i < 258; ++i) table.push_back(std::string(1, static_cast<char>(i)));
      width = 9;
      previous.clear();
      continue;
    }
    const std::string entry = code < table.size() ? table[code] : previous + previous.at(0);
    if (code > table.size()) throw std::runtime_error("LZW code from the future");
    if (!previous.empty() && table.size() < 4096) table.push_back(previous + entry[0]);
    if (table.size() == size_t{1} << width && width < 12) ++width;
    for (const char c : entry) result.push_back(static_cast<uint8_t>(c));
    previous = entry;
  }
}

Gif decode_gif(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  const std::string bytes = text.str();
  const auto u8 = [&](size_t i) { return static_cast<uint8_t>(bytes.at(i)); };
  const auto u16 = [&](size_t i) { return u8(i) + 256 * u8(i + 1); };
  EXPECT_EQ(bytes.substr(0, 6), "GIF89a");
  Gif gif{.width = u16(6), .height = u16(8), .frames = {}};
  size_t at = 13 + 768;
  int delay = 0;
  while (u8(at) != ';') {
    const bool extension = u8(at) == 0x21;
    if (extension && u8(at + 1) == 0xf9) delay = u16(at + 4);
    if (extension && bytes.substr(at + 3, 11) == "NETSCAPE2.0") gif.loops = u16(at + 16) == 0;
    at += extension ? 2 : 11;  // an image descriptor and the LZW code size take 11 bytes
    std::string data;
    for (; u8(at) != 0; at += 1 + u8(at)) data += bytes.substr(at + 1, u8(at));
    ++at;
    if (extension) continue;
    GifFrame frame{.delay = delay, .rgb = {}};
    for (const size_t index : decode_lzw(data))
      for (size_t c = 0; c < 3; ++c) frame.rgb.push_back(u8(13 + index * 3 + c));
    gif.frames.push_back(frame);
  }
  return gif;
}

Image noise(int64_t height, int64_t width, int64_t channels, uint32_t seed) {
  std::mt19937 random(seed);
  Image image{.height = height, .width = width, .channels = channels, .pixels = {}};
  for (int64_t i = 0; i < height * width * channels; ++i)
    image.pixels.push_back(static_cast<uint8_t>(random()));
  return image;
}

// 30,000 random pixels fill the code table several times over.
TEST(WriteGif, GreyIsExact) {
  const TestFolder folder;
  const auto path = folder.path() / "grey.gif";
  const std::vector<Image> frames = {noise(150, 200, 1, 1), noise(150, 200, 1, 2)};
  write_gif(path, frames, 40, 1000);
  const Gif gif = decode_gif(path);
  EXPECT_EQ(gif.width, 200);
  EXPECT_EQ(gif.height, 150);
  EXPECT_TRUE(gif.loops);
  ASSERT_EQ(gif.frames.size(), 2U);
  EXPECT_EQ(gif.frames[0].delay, 4);
  EXPECT_EQ(gif.frames[1].delay, 100);
  for (size_t f = 0; f < 2; ++f) {
    std::vector<uint8_t> rgb;
    for (const uint8_t value : frames[f].pixels) rgb.insert(rgb.end(), 3, value);
    EXPECT_EQ(gif.frames[f].rgb, rgb);
  }
}

// Runs meet every code width at every phase.
TEST(WriteGif, RunsOfAnyLengthAreExact) {
  const TestFolder folder;
  const auto path = folder.path() / "run.gif";
  for (int64_t width = 1; width < 40'000; width = width * 5 / 4 + 1) {
    const Image image{
        .height = 1, .width = width, .channels = 1, .pixels = std::vector<uint8_t>(width, 9)};
    write_gif(path, {image}, 40, 40);
    EXPECT_EQ(decode_gif(path).frames[0].rgb, std::vector<uint8_t>(width * 3, 9)) << width;
  }
}

TEST(WriteGif, FewColoursAreExact) {
  const TestFolder folder;
  const auto path = folder.path() / "few.gif";
  const Image image{.height = 2,
                    .width = 2,
                    .channels = 3,
                    .pixels = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255}};
  write_gif(path, {image}, 40, 40);
  EXPECT_EQ(decode_gif(path).frames[0].rgb, image.pixels);
}

// 256 colours for the whole cube: each stands for a box of about 40 x 40 x 40.
TEST(WriteGif, ManyColoursAreClose) {
  const TestFolder folder;
  const auto path = folder.path() / "noise.gif";
  const Image image = noise(100, 100, 3, 3);
  write_gif(path, {image}, 40, 40);
  const Gif gif = decode_gif(path);
  double error = 0;
  for (size_t i = 0; i < image.pixels.size(); ++i)
    error += std::abs(image.pixels[i] - gif.frames[0].rgb[i]);
  EXPECT_LT(error / static_cast<double>(image.pixels.size()), 14);
}

}  // namespace
}  // namespace diffuse
