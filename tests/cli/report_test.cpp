#include <gtest/gtest.h>

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

// A picture that is no sample, and links to any, stay out of a page that is passed on.
TEST(Report, ShowsOfTheRunsFolderSamplesAlone) {
  const fs::path run = run_with_picture(contents("tests/fixtures/rgb.png"));
  const auto images = [&] {
    EXPECT_EQ(run_program({"report", run, "-o", run / "page.html"}).exit_code, 0);
    const std::string page = contents(run / "page.html");
    size_t count = 0;
    for (size_t at = page.find("<img"); at != std::string::npos; at = page.find("<img", at + 1))
      ++count;
    return count;
  };
  write_file(run / "photo.png", contents("tests/fixtures/rgb.png"));
  write_file(run / "secret.webp", "a secret");
  EXPECT_EQ(images(), 1U);
  const std::vector<std::string> sample{"sample", "--ckpt", "configs/gaussian_oracle.json", "-n",
                                        "4"};
  for (const char* const name : {"drawn.png", "film.gif"}) {
    auto flags = sample;
    flags.insert(flags.end(), {"-o", run / name});
    ASSERT_EQ(run_program(flags).exit_code, 0);
  }
  EXPECT_EQ(images(), 3U);
  fs::rename(run / "drawn.png", run.parent_path() / "drawn.png");
  fs::create_symlink(run.parent_path() / "drawn.png", run / "drawn.png");
  EXPECT_EQ(images(), 2U);
}

}  // namespace
}  // namespace diffuse::testing_cli
