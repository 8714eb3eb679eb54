// What convert keeps of a run's two sets of weights, and what it says of them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"
#include "tests/test_folder.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

// A trained run in a folder of its own.
fs::path run_to_convert(const std::string& name) {
  const fs::path folder = scratch(name);
  write_file(folder / "c.json", small_image_config());
  const Outcome o = run_in(folder, {"train", "--config", "@c.json", "--out", "@run", "-q"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return folder;
}

TEST(Convert, KeepsWhichWeightsItWrote) {
  const fs::path folder = run_to_convert("convert_weights");
  const auto convert = [&](const char* in, const char* out, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"convert", in, out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_in(folder, arguments);
  };
  const auto used = [&](const char* model, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"eval",     "--ckpt", model,    "--items", "1",
                                       "--device", "cpu",    "--json", "-"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome o = run_in(folder, arguments);
    EXPECT_EQ(o.exit_code, 0) << o.err;
    const auto report = nlohmann::json::parse(o.out, nullptr, false);
    return report.at("provenance").at("weights").get<std::string>();
  };
  EXPECT_EQ(used("@run", {}), "ema");
  EXPECT_EQ(used("@run", {"--no-ema"}), "raw");
  ASSERT_EQ(convert("@run", "@raw", {"--no-ema"}).exit_code, 0);
  ASSERT_EQ(convert("@raw", "@raw.pt", {}).exit_code, 0);
  for (const char* const model : {"@raw", "@raw.pt"}) {
    EXPECT_EQ(used(model, {}), "raw");
    EXPECT_EQ(used(model, {"--no-ema"}), "raw");
  }
  ASSERT_EQ(convert("@run", "@averages", {}).exit_code, 0);
  ASSERT_EQ(convert("@averages", "@averages.pt", {}).exit_code, 0);
  for (const char* const model : {"@averages", "@averages.pt"}) {
    EXPECT_EQ(used(model, {}), "ema");
    const std::string says = ": holds only averaged weights; use it without --no-ema\n";
    expect_refused(run_in(folder, {"sample", "--ckpt", model, "--no-ema", "-o", "@x.png", "-q"}),
                   says);
    expect_refused(convert(model, "@new", {"--no-ema"}), says);
  }
  EXPECT_FALSE(fs::exists(folder / "new"));
}

TEST(Convert, SetsNothingThatACheckpointStores) {
  const fs::path folder = run_to_convert("convert_set");
  const auto set = [&](const char* value) {
    return run_in(folder, {"convert", "@run", "@out.pt", "--set", value});
  };
  expect_refused(set("model.attention_heads=2"),
                 "--set: " + (folder / "run/model.pt").string() +
                     " stores model.attention_heads 1, --set gives 2\n");
  expect_refused(set("seed=5"), " stores seed 0, --set gives 5\n");
  EXPECT_FALSE(fs::exists(folder / "out.pt"));
  EXPECT_EQ(set("model.attention_heads=1").exit_code, 0);
}

}  // namespace
}  // namespace diffuse::testing_cli
