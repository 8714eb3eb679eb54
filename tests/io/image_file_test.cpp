#include "diffuse/io/image_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "diffuse/core/error.h"
#include "test_folder.h"
#include "tests/message_of.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;
using Pixels = std::vector<uint8_t>;

const fs::path kFixtures = "tests/io/fixtures";

void overwrite(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::ssize(bytes));
}

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

TEST(ReadImage, ErrorsNameTheFile) {
  const TestFolder folder;
  const fs::path path = folder.path() / "image";
  EXPECT_EQ(failure(path), path.string() + ": cannot open: No such file or directory");
  overwrite(path, "GIF89a");
  EXPECT_EQ(failure(path), path.string() + ": neither PNG nor JPEG");
  EXPECT_EQ(failure(kFixtures / "cmyk.jpg"),
            (kFixtures / "cmyk.jpg").string() + ": a CMYK JPEG; expected a grey or RGB one");
}

TEST(ReadImage, RefusesLongSides) {
  const TestFolder folder;
  const fs::path path = folder.path() / "wide.png";
  write_png(path, {.height = 1, .width = 16385, .channels = 1, .pixels = Pixels(16385)});
  EXPECT_EQ(failure(path),
            path.string() + ": the image is 16385x1 pixels; at most 16384 on a side are read");
}

// Before the memory for such an image, and of a progressive one twice as much again, is taken.
TEST(ReadImage, RefusesJpegsTooSmallForTheirSize) {
  const TestFolder folder;
  const fs::path path = folder.path() / "lie.jpg";
  for (const auto& [name, frame] :
       {std::pair("grey.jpg", "\xff\xc0"), std::pair("rgb.jpg", "\xff\xc2")}) {
    std::string bytes = contents(kFixtures / name);
    bytes.replace(bytes.find(frame) + 5, 4, "\x3f\xff\x3f\xff");  // height, width
    overwrite(path, bytes);
    EXPECT_EQ(failure(path), path.string() + ": corrupt JPEG: truncated");
  }
}

TEST(ReadImage, EveryTruncationIsRefused) {
  const TestFolder folder;
  for (const char* name : {"rgb.png", "grey.jpg", "rgb.jpg"}) {
    const std::string whole = contents(kFixtures / name);
    const fs::path path = folder.path() / name;
    for (size_t size = 0; size + 2 < whole.size(); size += 7) {
      overwrite(path, std::string_view(whole).substr(0, size));
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
      overwrite(path, bytes);
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
