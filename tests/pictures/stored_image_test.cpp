#include "src/pictures/stored_image.h"

#include <gtest/gtest.h>

#include "diffuse/core/error.h"
#include "src/pictures/image_file.h"
#include "tests/message_of.h"
#include "tests/pictures/fixtures.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;
using Numbers = std::vector<uint16_t>;

// The fixtures and their numbers are those of tests/reference/image_fixtures.py.
TEST(StoredImage, KeepsSixteenBits) {
  const StoredImage image = read_stored_image(kFixtures / "grey16.png");
  EXPECT_EQ(image.white, 65535);
  EXPECT_EQ(image.values, (Numbers{0, 257, 32768, 65535}));
}

TEST(StoredImage, KeepsAlphaBesideTheColours) {
  const StoredImage image = read_stored_image(kFixtures / "alpha.png");
  EXPECT_TRUE(image.has_alpha());
  EXPECT_EQ(image.channels, 4);
  EXPECT_EQ(image.values, (Numbers{255, 0, 0, 255, 0, 255, 0, 128, 0, 0, 255, 0, 10, 20, 30, 64}));
}

TEST(StoredImage, WidensBitsAndLooksUpPalettes) {
  EXPECT_EQ(read_stored_image(kFixtures / "bits.png").values, (Numbers{0, 255, 255, 0}));
  const StoredImage palette = read_stored_image(kFixtures / "palette.png");
  EXPECT_EQ(palette.channels, 3);
  EXPECT_EQ(palette.values, (Numbers{255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30}));
}

TEST(StoredImage, OfAJpegIsLossy) {
  EXPECT_TRUE(read_stored_image(kFixtures / "grey.jpg").lossy);
  EXPECT_FALSE(read_stored_image(kFixtures / "grey.png").lossy);
}

TEST(StoredImage, OfAWebpMayBeLossy) {
  if (readable_formats().find("WebP") == std::string::npos) GTEST_SKIP() << "built without libwebp";
  EXPECT_TRUE(read_stored_image("tests/fuzz/corpus/webp/lossy").lossy);
  EXPECT_FALSE(read_stored_image("tests/fuzz/corpus/webp/lossless").lossy);
}

TEST(StoredImage, ErrorsNameTheFile) {
  const std::string message = message_of([] { read_stored_image("tests/fixtures/pax.tar"); });
  EXPECT_TRUE(message.starts_with("tests/fixtures/pax.tar: not a picture; expected PNG, JPEG"))
      << message;
}

}  // namespace
}  // namespace diffuse
