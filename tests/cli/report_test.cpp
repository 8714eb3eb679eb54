#include <gtest/gtest.h>

#include <algorithm>

#include "src/pictures/image_file.h"
#include "src/report/sample_pictures.h"
#include "tests/cli/run_program.h"
#include "tests/test_folder.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

// A run with lines of wrong kinds in its log and one picture.
fs::path run_with_picture(const std::string& picture) {
  const fs::path run = scratch("report") / "run";
  fs::create_directories(run / "samples");
  write_file(run / "config.json", small_points_config());
  write_file(run / "metrics.jsonl", "{\"step\":\"x\"}\n{\"step\":1,\"time\":2,\"loss\":0.5}\n");
  write_file(run / "samples/step-1.png", picture);
  return run;
}

TEST(Report, HoldsPictures) {
  const fs::path run = run_with_picture(contents("tests/fixtures/rgb.png"));
  const Outcome o = run_program({"report", run, "-o", run / "page.html"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_NE(contents(run / "page.html").find("image/png;base64,iVBORw0KGgo"), std::string::npos);
}

TEST(Report, IsWrittenToNamesOfPagesAlone) {
  const fs::path run = run_with_picture(contents("tests/fixtures/rgb.png"));
  write_file(run / "README.md", "old");
  for (const char* const name : {"README.md", "r.pdf", "r"})
    expect_refused(run_program({"report", run, "-o", run / name}),
                   "-o " + (run / name).string() + ": expected a name ending in .html\n");
  EXPECT_EQ(contents(run / "README.md"), "old");
  EXPECT_EQ(run_program({"report", run, "-o", run / "page.htm"}).exit_code, 0);
}

TEST(Report, TakesNothingElseForAPicture) {
  const fs::path run = run_with_picture("a secret");
  const fs::path picture = run / "samples/step-1.png";
  const auto refusal = [&] {
    const Outcome o = run_program({"report", run, "-o", run / "page.html"});
    EXPECT_EQ(o.exit_code, 2);
    EXPECT_FALSE(fs::exists(run / "page.html"));
    return o.err;
  };
  EXPECT_NE(refusal().find(picture.string() + ": expected a PNG picture, got something else\n"),
            std::string::npos);
  fs::remove(picture);
  fs::create_symlink(fs::absolute("tests/fixtures/rgb.png"), picture);
  EXPECT_NE(refusal().find(picture.string() + ": expected a PNG picture, got a link\n"),
            std::string::npos);
}

// Writes the page and counts its pictures.
size_t images(const fs::path& run) {
  EXPECT_EQ(run_program({"report", run, "-o", run / "page.html"}).exit_code, 0);
  const std::string page = contents(run / "page.html");
  size_t count = 0;
  for (size_t at = page.find("<img"); at != std::string::npos; at = page.find("<img", at + 1))
    ++count;
  return count;
}

// A picture that is no sample, and links to any, stay out of a page that is passed on.
TEST(Report, ShowsOfTheRunsFolderSamplesAlone) {
  const fs::path run = run_with_picture(contents("tests/fixtures/rgb.png"));
  write_file(run / "photo.png", contents("tests/fixtures/rgb.png"));
  write_file(run / "secret.webp", "a secret");
  EXPECT_EQ(images(run), 1U);
  const std::vector<std::string> sample{"sample", "--ckpt", "configs/gaussian_oracle.json", "-n",
                                        "4"};
  for (const char* const name : {"drawn.png", "film.gif"}) {
    auto flags = sample;
    flags.insert(flags.end(), {"-o", run / name});
    ASSERT_EQ(run_program(flags).exit_code, 0);
  }
  EXPECT_EQ(images(run), 3U);
  fs::rename(run / "drawn.png", run.parent_path() / "drawn.png");
  fs::create_symlink(run.parent_path() / "drawn.png", run / "drawn.png");
  EXPECT_EQ(images(run), 2U);
}

// 65 samples of 8 x 8 pixels, each its own PNG: a grid of 8 x 8 tiles, 8 times as large, between gaps of 2.
TEST(Report, ShowsAFolderOfSamplesAsAGrid) {
  const fs::path run = run_with_picture(contents("tests/fixtures/rgb.png"));
  write_file(run / "oracle.json", R"({"model": {"type": "gaussian_oracle", "variance": 0.25},
      "data": {"type": "shapes", "image_size": 8, "count": 40}, "diffusion": {"timesteps": 20}})");
  const auto draw = [&](const char* folder, const char* count) {
    ASSERT_EQ(run_program({"sample", "--ckpt", run / "oracle.json", "-n", count, "--steps", "2",
                           "-o", run / folder})
                  .exit_code,
              0);
  };
  draw("drawn", "65");
  EXPECT_EQ(images(run), 2U);
  EXPECT_NE(contents(run / "page.html").find("drawn, 65 samples"), std::string::npos);
  EXPECT_NE(contents(run / "page.html").find("64 of 65 pictures"), std::string::npos);
  const auto grid = sample_picture(run / "drawn");
  ASSERT_TRUE(grid);
  const Image shown = decode_image(grid->bytes, "the grid");
  EXPECT_EQ(shown.width, 8 * (8 * 8 + 2) + 2);
  EXPECT_EQ(shown.height, shown.width);
  const Image last = read_image(run / "drawn/000063.png");
  const auto corner = shown.pixels.end() - 3 * (2 * shown.width + 3);  // before the last gaps
  EXPECT_TRUE(std::equal(corner, corner + 3, last.pixels.end() - 3));
  draw("samples/later", "3");
  EXPECT_EQ(images(run), 3U);
  const std::string page = contents(run / "page.html");
  EXPECT_LT(page.find("later, 3 samples"), page.find("drawn, 65 samples"));
  EXPECT_EQ(page.find("3 of 3 pictures"), std::string::npos);
  fs::rename(run / "drawn", run.parent_path() / "drawn");
  fs::create_directory_symlink(run.parent_path() / "drawn", run / "drawn");
  EXPECT_EQ(images(run), 2U);
}

}  // namespace
}  // namespace diffuse::testing_cli
