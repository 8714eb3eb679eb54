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
  EXPECT_NE(refusal().find(picture.string() + ": expected a PNG picture, found something else\n"),
            std::string::npos);
  fs::remove(picture);
  fs::create_symlink(fs::absolute("tests/fixtures/rgb.png"), picture);
  EXPECT_NE(refusal().find(picture.string() + ": expected a PNG picture, found a link\n"),
            std::string::npos);
}

}  // namespace
}  // namespace diffuse::testing_cli
