#include "src/pictures/picture.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>

#include "src/pictures/canvas.h"

namespace diffuse {
namespace {

std::vector<uint8_t> pixel(const Image& image, int64_t y, int64_t x) {
  const auto first = image.pixels.begin() + (y * image.width + x) * image.channels;
  return {first, first + image.channels};
}

TEST(ToUint8, RoundsToTheNearestAndClamps) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  // (0 + 1) * 127.5 is a half: it goes to the even 128.
  const auto x = at::tensor({-1.5F, -1.F, -0.5F, 0.F, 0.5F, 1.F, 7.F, nan}).view({1, 1, 2, 4});
  const auto expected = at::tensor({0, 0, 64, 128, 191, 255, 255, 0}).to(at::kByte);
  EXPECT_TRUE(at::equal(to_uint8(x).flatten(), expected)) << to_uint8(x);
}

TEST(ToUint8, UndoesTheScalingOfData) {
  const auto values = at::arange(256).to(at::kByte);
  EXPECT_TRUE(at::equal(to_uint8(values.to(at::kFloat).div(127.5).sub(1)), values));
}

TEST(ToImage, InterleavesTheChannels) {
  const Image image = to_image(at::tensor({-1.F, 1.F, 1.F, -1.F, -1.F, -1.F}).view({3, 1, 2}));
  EXPECT_EQ(image.height, 1);
  EXPECT_EQ(image.width, 2);
  EXPECT_EQ(image.pixels, (std::vector<uint8_t>{0, 255, 0, 255, 0, 0}));
}

// Two channels of 1x2 with a white pixel between them.
TEST(ToImage, PutsOtherChannelsSideBySide) {
  const Image image = to_image(at::tensor({-1.F, 0.F, 0.5F, -1.F}).view({2, 1, 2}));
  EXPECT_EQ(image.channels, 1);
  EXPECT_EQ(image.pixels, (std::vector<uint8_t>{0, 128, 255, 191, 0}));
  EXPECT_EQ(make_grid(at::zeros({2, 4, 3, 3}), 1, 1, 1).width, 1 + 4 * 3 + 3 + 1);
}

// Three tiles of 1x2 in two columns, zoomed twice, with a white gap of one.
TEST(MakeGrid, PlacesTilesRowByRow) {
  const auto x = at::tensor({-1.F, 0.F, -0.5F, -0.5F, 0.5F, -1.F}).view({3, 1, 1, 2});
  const Image grid = make_grid(x, 2, 1, 2);
  EXPECT_EQ(grid.width, 1 + 4 + 1 + 4 + 1);
  EXPECT_EQ(grid.height, 1 + 2 + 1 + 2 + 1);
  EXPECT_EQ((std::vector<uint8_t>{grid.pixels.begin() + 11, grid.pixels.begin() + 22}),
            (std::vector<uint8_t>{255, 0, 0, 128, 128, 255, 64, 64, 64, 64, 255}));
  EXPECT_EQ((std::vector<uint8_t>{grid.pixels.begin() + 55, grid.pixels.begin() + 66}),
            (std::vector<uint8_t>{255, 191, 191, 0, 0, 255, 255, 255, 255, 255, 255}));
}

TEST(MakeGrid, IsNearlySquareAndLargeEnoughToSee) {
  const Image grid = make_grid(at::zeros({10, 3, 32, 32}));
  EXPECT_EQ(grid.width, 5 * 2 + 4 * 32 * 4);  // 4 columns, zoom 4
  EXPECT_EQ(grid.height, 4 * 2 + 3 * 32 * 4);
}

TEST(DrawPoints, PutsADotWhereThePointIs) {
  const auto points = at::tensor({1.0, 2.0}).view({1, 2});
  const Image image = draw_points(points, 3.5, 512, {0xff0000});
  ASSERT_EQ(image.pixels.size(), 512U * 512 * 3);
  // 448 pixels span -3.5 to 3.5 with a margin of 32: x = 1 is at 320, y = 2 at 128 from the top.
  const auto centre = pixel(image, 128, 320);
  EXPECT_GT(centre[0], 240);
  EXPECT_LT(centre[1], 80);
  EXPECT_EQ(pixel(image, 128 + 10, 320 + 10), (std::vector<uint8_t>{255, 255, 255}));
}

TEST(DrawPoints, PutsPointsOfOneDimensionOnTheAxis) {
  const auto line = at::tensor({-1.5, 2.0}).view({2, 1});
  const auto plane = at::tensor({-1.5, 0.0, 2.0, 0.0}).view({2, 2});
  EXPECT_EQ(draw_points(line).pixels, draw_points(plane).pixels);
}

TEST(DrawPoints, LeavesOutWhatLiesOutside) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto outside = at::tensor({4.0, 0.0, nan, 0.0, 1e300, -1e300}, at::kDouble).view({3, 2});
  EXPECT_EQ(draw_points(outside).pixels, draw_points(at::empty({0, 2})).pixels);
}

TEST(Canvas, HasABoxForACharacterThatIsNotAscii) {
  EXPECT_EQ(ascii_text("a\u03b2b"),
            "a\x7f"
            "b");
}

TEST(DrawPaths, GoFromTheFirstPointToADotAtTheLast) {
  const auto path = at::tensor({-1.0, 2.0, 1.0, 2.0}).view({1, 2, 2});
  const Image image = draw_paths(path, 3.5, 512);
  // 64 pixels a unit, as above: from (192, 128) to (320, 128), halfway (256, 128).
  const auto line = pixel(image, 128, 256), end = pixel(image, 128, 320);
  EXPECT_GT(line[2], line[0] + 20);  // blue
  EXPECT_GT(end[0], end[2] + 100);   // orange
  EXPECT_EQ(pixel(image, 138, 256 - 10), (std::vector<uint8_t>{255, 255, 255}));
}

TEST(DrawPaths, BreakWhereTheyLeaveTheAxes) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto inside = at::tensor({-1.0, 2.0, 1.0, 2.0}, at::kDouble).view({1, 2, 2});
  const auto beyond = at::tensor({9.0, 0.0, nan, 1.0}, at::kDouble).view({1, 2, 2});
  EXPECT_EQ(draw_paths(at::cat({beyond, inside}, 1)).pixels, draw_paths(inside).pixels);
  const auto parted = at::cat({inside.slice(1, 0, 1), beyond, inside.slice(1, 1)}, 1);
  EXPECT_EQ(draw_paths(parted).pixels, draw_paths(inside.slice(1, 1)).pixels);  // only the dot
  EXPECT_EQ(draw_paths(beyond).pixels, draw_points(at::empty({0, 2})).pixels);
}

}  // namespace
}  // namespace diffuse
