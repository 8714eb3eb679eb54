#include "src/pictures/image_file.h"

#include <gtest/gtest.h>

#include <random>

#include "diffuse/core/error.h"
#include "tests/message_of.h"
#include "tests/pictures/fixtures.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;
using Pixels = std::vector<uint8_t>;

std::string failure(const fs::path& path) {
  return message_of([&] { read_image(path); });
}

// The fixtures and the expected pixels come from tests/reference/image_fixtures.py.
TEST(ReadImage, EveryKindOfPngBecomesGreyOrRgb) {
  const Pixels rgb = {255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30};
  EXPECT_EQ(read_image(kFixtures / "rgb.png").pixels, rgb);
  EXPECT_EQ(read_image(kFixtures / "palette.png").pixels, rgb);
  const Image grey = read_image(kFixtures / "grey.png");
  EXPECT_EQ(grey.channels, 1);
  EXPECT_EQ(grey.pixels[63], 252);
  EXPECT_EQ(read_image(kFixtures / "bits.png").pixels, (Pixels{0, 255, 255, 0}));
  EXPECT_EQ(read_image(kFixtures / "grey16.png").pixels, (Pixels{0, 1, 128, 255}));
}

// Opacities 255, 128, 0 and 64 of 255 on white: 255 - a (255 - c) / 255.
TEST(ReadImage, AlphaIsBlendedOnWhite) {
  const Image image = read_image(kFixtures / "alpha.png");
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(image.pixels, (Pixels{255, 0, 0, 127, 255, 127, 255, 255, 255, 194, 196, 199}));
}

TEST(ReadImage, ConvertsChannelsWhenAsked) {
  EXPECT_EQ(read_image(kFixtures / "rgb.png", 1).pixels, (Pixels{76, 150, 29, 18}));
  const Image rgb = read_image(kFixtures / "bits.png", 3);
  EXPECT_EQ(rgb.channels, 3);
  EXPECT_EQ(rgb.pixels, (Pixels{0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0}));
}

TEST(ReadImage, JpegAgreesWithPillow) {
  const Image grey = read_image(kFixtures / "grey.jpg");
  ASSERT_EQ(grey.channels, 1);
  EXPECT_NEAR(grey.pixels[3 * 8 + 5], 116, 1);
  const Image rgb = read_image(kFixtures / "rgb.jpg");  // progressive
  ASSERT_EQ(rgb.channels, 3);
  EXPECT_NEAR(rgb.pixels[(3 * 8 + 5) * 3 + 0], 117, 1);
  EXPECT_NEAR(rgb.pixels[(3 * 8 + 5) * 3 + 1], 138, 1);
  EXPECT_NEAR(rgb.pixels[(3 * 8 + 5) * 3 + 2], 59, 1);
}

// As Pillow's convert("RGB") has it.
TEST(ReadImage, CmykBecomesRgb) {
  const Image image = read_image(kFixtures / "cmyk.jpg");
  ASSERT_EQ(image.channels, 3);
  const Pixels wanted{114, 141, 57};
  for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(image.pixels[(3 * 8 + 5) * 3 + c], wanted[c], 1);
}

std::string little(uint64_t value, size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i, value >>= 8) bytes += static_cast<char>(value & 255);
  return bytes;
}

// A bitmap of 2 x 2 pixels with BITMAPINFOHEADER; a negative height has the top row first.
std::string bitmap(int height, int bits, int compression, const std::string& rest, size_t palette) {
  const auto pixels = static_cast<uint32_t>(54 + palette);
  return "BM" + little(0, 8) + little(pixels, 4) + little(40, 4) + little(2, 4) +
         little(static_cast<uint32_t>(height), 4) + little(1, 2) + little(bits, 2) +
         little(compression, 4) + little(0, 20) + rest;
}

TEST(ReadImage, ReadsBitmaps) {
  const std::string rows("\3\2\1\6\5\4\0\0\x9\x8\x7\xc\xb\xa\0\0", 16);
  EXPECT_EQ(decode_image(bitmap(2, 24, 0, rows, 0), "x").pixels,
            (Pixels{7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(decode_image(bitmap(-2, 24, 0, rows, 0), "x").pixels,
            (Pixels{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  // 5 bits of red, 6 of green, 5 of blue: 31 red, 63 green, 31 blue, all.
  const std::string masks = little(0xf800, 4) + little(0x7e0, 4) + little(0x1f, 4);
  EXPECT_EQ(decode_image(bitmap(-2, 16, 3,
                                masks + little(0xf800, 2) + little(0x7e0, 2) + little(0x1f, 2) +
                                    little(0xffff, 2),
                                12),
                         "x")
                .pixels,
            (Pixels{255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255}));
}

// Blue, green, red, opacity: red, clear green, half of black on white, blue.
TEST(ReadImage, OpacityOfBitmapsIsBlendedOnWhite) {
  const std::string masks =
      little(0xff0000, 4) + little(0xff00, 4) + little(0xff, 4) + little(0xff000000, 4);
  const std::string pixels =
      little(0xffff0000, 4) + little(0xff00, 4) + little(0x80000000, 4) + little(0xff0000ff, 4);
  EXPECT_EQ(decode_image(bitmap(-2, 32, 6, masks + pixels, 16), "x").pixels,
            (Pixels{255, 0, 0, 255, 255, 255, 127, 127, 127, 0, 0, 255}));
  // Where nothing is opaque the field was left empty.
  const std::string empty = little(0xff0000, 4) + little(0, 4) + little(0xff, 4) + little(0, 4);
  EXPECT_EQ(decode_image(bitmap(-2, 32, 6, masks + empty, 16), "x").pixels,
            (Pixels{255, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0}));
}

TEST(ReadImage, RefusesWhatBitmapsOnlyClaim) {
  const auto refusal = [](const std::string& bytes) {
    return message_of([&] { decode_image(bytes, "x"); });
  };
  EXPECT_EQ(refusal(bitmap(2, 24, 0, std::string(15, 'x'), 0)), "x: corrupt BMP: truncated");
  EXPECT_EQ(refusal(bitmap(2, 8, 1, std::string(99, 'x'), 0)),
            "x: a compressed BMP, which is not supported; convert to PNG or JPEG");
  EXPECT_EQ(refusal(bitmap(1 << 20, 24, 0, "", 0)),
            "x: the image is 2x1048576 pixels; expected at most 16384 on a side");
  EXPECT_EQ(refusal(bitmap(2, 8, 0, std::string(8, 'x'), 0)), "x: corrupt BMP: truncated");
}

TEST(ReadImage, ErrorsNameTheFile) {
  const TestFolder folder;
  const fs::path path = folder.path() / "image";
  EXPECT_EQ(failure(path), path.string() + ": cannot open: No such file or directory");
  write_file(path, "<html>");
  EXPECT_EQ(failure(path), path.string() + ": not a picture; expected " + readable_formats());
  write_file(path, std::string("\0\0\0\x1c"
                               "ftypavif",
                               12));
  EXPECT_EQ(failure(path),
            path.string() + ": AVIF, which is not supported; convert to PNG or JPEG");
}

TEST(ReadImage, RefusesLongSides) {
  const TestFolder folder;
  const fs::path path = folder.path() / "wide.png";
  write_png(path, {.height = 1, .width = 16385, .channels = 1, .pixels = Pixels(16385)});
  EXPECT_EQ(failure(path),
            path.string() + ": the image is 16385x1 pixels; expected at most 16384 on a side");
}

// Before the memory for such an image, and of a progressive one twice as much again, is taken.
TEST(ReadImage, RefusesJpegsTooSmallForTheirSize) {
  const TestFolder folder;
  const fs::path path = folder.path() / "lie.jpg";
  for (const auto& [name, frame] :
       {std::pair("grey.jpg", "\xff\xc0"), std::pair("rgb.jpg", "\xff\xc2")}) {
    std::string bytes = contents(kFixtures / name);
    bytes.replace(bytes.find(frame) + 5, 4, "\x3f\xff\x3f\xff");  // height, width
    write_file(path, bytes);
    EXPECT_EQ(failure(path), path.string() + ": corrupt JPEG: truncated");
  }
}

TEST(ReadImage, EveryTruncationIsRefused) {
  const TestFolder folder;
  for (const char* name : {"rgb.png", "grey.jpg", "rgb.jpg"}) {
    const std::string whole = contents(kFixtures / name);
    const fs::path path = folder.path() / name;
    // A PNG needs no end mark, and a JPEG of one scan neither.
    const size_t end = name == std::string("rgb.png") ? 12 : 2;
    for (size_t size = 0; size + end < whole.size(); size += 7) {
      write_file(path, std::string_view(whole).substr(0, size));
      EXPECT_EQ(failure(path).rfind(path.string() + ": ", 0), 0U) << size;
    }
  }
}

TEST(ReadImage, SurvivesDamage) {
  const TestFolder folder;
  const fs::path path = folder.path() / "damaged";
  std::mt19937 random(1);
  for (const char* name : {"palette.png", "rgb.jpg"}) {
    const std::string whole = contents(kFixtures / name);
    for (int i = 0; i < 100; ++i) {
      std::string bytes = whole;
      bytes[8 + random() % (bytes.size() - 8)] = static_cast<char>(random());
      write_file(path, bytes);
      failure(path);  // an image or an Error, nothing else
    }
  }
}

TEST(WritePng, IsReadBackWithItsText) {
  const TestFolder folder;
  const fs::path path = folder.path() / "image.png";
  const Image image{.height = 1, .width = 2, .channels = 3, .pixels = {1, 2, 3, 4, 5, 6}};
  write_png(path, image, {{"seed", "17"}, {"note", "β"}});
  EXPECT_EQ(read_image(path).pixels, image.pixels);
  EXPECT_NE(contents(path).find(std::string("tEXtseed\0"
                                            "17",
                                            11)),
            std::string::npos);
  EXPECT_NE(contents(path).find("iTXtnote"), std::string::npos);
}

}  // namespace
}  // namespace diffuse
