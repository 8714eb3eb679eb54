#include <gtest/gtest.h>

#include "src/pictures/image_codecs.h"
#include "tests/pictures/fixtures.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;

// As Pillow's exif_transpose turns them; printed by tests/reference/archive_fixtures.py.
TEST(Upright, TurnsAsPillowDoes) {
  const Image stored{.height = 2, .width = 3, .channels = 1, .pixels = {1, 2, 3, 4, 5, 6}};
  const std::vector<std::vector<uint8_t>> expected{
      {1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1}, {4, 5, 6, 1, 2, 3},
      {1, 4, 2, 5, 3, 6}, {4, 1, 5, 2, 6, 3}, {6, 3, 5, 2, 4, 1}, {3, 6, 2, 5, 1, 4}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image turned = upright(stored, orientation);
    EXPECT_EQ(turned.width, orientation < 5 ? 3 : 2) << orientation;
    EXPECT_EQ(turned.pixels, expected[static_cast<size_t>(orientation) - 1]) << orientation;
  }
}

TEST(ReadImage, TurnsAPngAsItsExifAsks) {
  const Image image = read_image(kFixtures / "turned.png");
  EXPECT_EQ(image.width, 2);
  EXPECT_EQ(image.pixels, (std::vector<uint8_t>{4, 1, 5, 2, 6, 3}));
}

// Black left and white right become black above and white below.
TEST(ReadImage, TurnsAJpegAsItsExifAsks) {
  const Image image = read_image(kFixtures / "turned.jpg");
  ASSERT_EQ(image.width, 16);
  ASSERT_EQ(image.height, 32);
  EXPECT_LT(image.pixels[15], 8);
  EXPECT_GT(image.pixels[31 * 16], 247);
}

TEST(ExifOrientation, OfDamagedBlocksIsUpright) {
  EXPECT_EQ(exif_orientation(""), 1);
  EXPECT_EQ(exif_orientation("II*"), 1);
  const std::string whole("MM\0*\0\0\0\x8\0\x1\x1\x12\0\x3\0\0\0\x1\0\x6\0\0", 22);
  EXPECT_EQ(exif_orientation(whole), 6);
  for (size_t size = 0; size < 20; ++size)
    EXPECT_EQ(exif_orientation(std::string_view(whole).substr(0, size)), 1) << size;
  std::string nine = whole;
  nine[19] = 9;
  EXPECT_EQ(exif_orientation(nine), 1);
}

}  // namespace
}  // namespace diffuse
