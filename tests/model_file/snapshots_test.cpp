#include "src/model_file/snapshots.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "src/model/power_ema.h"
#include "tests/test_folder.h"

namespace fs = std::filesystem;

namespace diffuse {
namespace {

// A snapshot of one tensor with these two averages.
void write_snapshot(const fs::path& folder, int64_t step, double narrow, double wide) {
  ValueDict root{{"format", {std::string("diffuse")}},
                 {"version", {int64_t{1}}},
                 {"config", {config_to_json({})}},
                 {"step", {step}}};
  const std::array<double, 2> values{narrow, wide};
  for (size_t i = 0; i < 2; ++i)
    add_section(root, snapshot_section(kSnapshotWidths[i]),
                {{"weight", at::full({2}, values[i], at::kFloat)}});
  write_checkpoint_file(folder / "ema" / concat("step-", step, ".pt"), root);
}

float weight_of(const Checkpoint& checkpoint) {
  return std::get<at::Tensor>(section(checkpoint, "ema")[0].second.data)[1].item<float>();
}

TEST(Snapshots, AddUpToTheAverageOfAWidth) {
  const fs::path folder = scratch("snapshots_add_up");
  write_snapshot(folder, 100, 1, 2);
  write_snapshot(folder, 200, 3, 5);
  const auto weights =
      snapshot_weights({{200, 0.05}, {200, 0.1}, {100, 0.05}, {100, 0.1}}, {200, 0.15});
  const double expected = 3 * weights[0] + 5 * weights[1] + 1 * weights[2] + 2 * weights[3];
  const Checkpoint checkpoint = load_averaged(folder, 0.15);
  EXPECT_NEAR(weight_of(checkpoint), expected, 1e-5);
  EXPECT_EQ(checkpoint.step, 200);
  EXPECT_NEAR(weight_of(load_averaged(folder / "model.pt", 0.05)), 3, 1e-5);  // as it was kept
}

TEST(Snapshots, AreAskedForByNameWhereThereAreNone) {
  const fs::path folder = scratch("snapshots_none");
  for (const double width : {0.1, 0.3, 0.0}) try {
      load_averaged(folder, width);
      ADD_FAILURE() << width;
    } catch (const Error& error) {
      const std::string message = error.what();
      EXPECT_TRUE(message.starts_with("--ema: ")) << message;
      EXPECT_NE(message.find(width == 0.1 ? "ema_snapshot_every" : "from 0.005 to 0.25"),
                std::string::npos)
          << message;
    }
}

}  // namespace
}  // namespace diffuse
