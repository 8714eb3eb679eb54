// diffuse forward, schedule and verify as a user runs them.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "src/arrays/array_file.h"
#include "src/pictures/image_file.h"
#include "tests/cli/run_program.h"

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace diffuse::testing_cli {
namespace {

void forward(std::vector<std::string> flags, const fs::path& out) {
  flags.insert(flags.begin(), {"forward", "--device", "cpu", "-o", out});
  const Outcome o = run_program(flags);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(o.out, out.string() + "\n");
}

size_t frames_of(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

// The swiss roll's post schedule: alpha_bar_200 = 0.00612197; the roll's mean square is
// (9.75 pi^2 + 2 0.3^2) / 32 = 3.0128 a coordinate.
TEST(Forward, OfTheSwissRollEndsAsEquation5Says) {
  const fs::path file = scratch("forward") / "film.npy";
  for (const char* const mode : {"chain", "closed-form"}) {
    forward({"--config", "configs/swiss_roll.json", "--mode", mode, "--frames", "3"}, file);
    const at::Tensor film = read_npy(file);
    ASSERT_EQ(film.sizes(), (std::vector<int64_t>{3, 5000, 2}));
    EXPECT_NEAR(film[0].square().mean().item<double>(), 3.0128, 0.1);
    const double wanted = 0.00612197 * 3.0128 + 1 - 0.00612197;
    EXPECT_NEAR(film[2].square().mean().item<double>(), wanted, 5 * std::sqrt(2.0 / 10000));
  }
}

TEST(Forward, DrawsEveryKindOfPicture) {
  const fs::path folder = scratch("forward_kinds");
  write_file(folder / "images.json", small_image_config());
  const std::vector<std::string> points{
      "--config", "configs/swiss_roll.json", "--items", "50", "--size", "64", "--frames", "4"};
  forward(points, folder / "a.gif");
  forward(points, folder / "points");
  forward(points, folder / "row.png");
  forward({"--config", folder / "images.json"}, folder / "images");
  EXPECT_EQ(read_image(folder / "points/000003.png").width, 64);
  EXPECT_EQ(frames_of(folder / "points"), 4);
  EXPECT_EQ(frames_of(folder / "images"), 11);  // the data and ten steps
  EXPECT_GT(read_image(folder / "row.png").width, 4 * 64);
}

TEST(Schedule, TableHasTheGoldenRowsAndTheWarning) {
  const Outcome o = run_program(
      {"schedule", "--kind", "linear", "--timesteps", "200", "--beta-end", "0.05", "--json", "-"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  const Json table = Json::parse(o.out, nullptr, false);
  EXPECT_NEAR(table.at("prior_bits_per_dim").get<double>(), 4.4296e-3, 5e-8);
  EXPECT_NEAR(table.at("alpha_bar")[100].get<double>(), 0.2760125, 5e-8);
  EXPECT_TRUE(table.at("weight_eq9_small")[0].is_null());  // infinite
  EXPECT_NE(o.err.find("above 0.001"), std::string::npos) << o.err;
  const Outcome ho = run_program({"schedule", "--kind", "linear", "--json", "-"});
  EXPECT_EQ(ho.err.find("L_T is"), std::string::npos) << ho.err;
}

TEST(Schedule, WritesAllRowsAndAPlot) {
  const fs::path folder = scratch("schedule");
  const Outcome o = run_program({"schedule", "--kind", "cosine", "--timesteps", "30", "--csv",
                                 folder / "a.csv", "--plot", folder / "a.svg"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(o.out.find("beta"), o.out.find_first_not_of(' ', o.out.find('t') + 1));
  EXPECT_NE(o.out.find("\nL_T "), std::string::npos);
  EXPECT_EQ(contents(folder / "a.svg").substr(0, 4), "<svg");
  std::ifstream csv(folder / "a.csv");
  EXPECT_EQ(std::count(std::istreambuf_iterator<char>(csv), {}, '\n'), 31);
}

TEST(Verify, PassesAndSaysSoInJson) {
  const Outcome o = run_program({"verify", "--json", "-"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  const Json checks = Json::parse(o.out, nullptr, false);
  EXPECT_GT(checks.size(), 60);
  for (const Json& check : checks) {
    EXPECT_EQ(check.size(), 5) << check;
    EXPECT_EQ(check.at("pass"), true) << check;
  }
}

}  // namespace
}  // namespace diffuse::testing_cli
