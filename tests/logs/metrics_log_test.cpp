#include "src/logs/metrics_log.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;

// Two good lines among ones of other kinds and one that is cut off.
constexpr const char* kDamaged =
    "{\"step\":\"x\",\"time\":1}\n{\"step\":1,\"time\":2.5,\"loss\":0.5}\n"
    "{\"step\":1e300,\"time\":1}\n{\"step\":2,\"time\":[]}\n{\"time\":1}\n[1]\n\n"
    "{\"step\":3,\"time\":4,\"loss\":null,\"name\":\"x\"}\n{\"step\":4,\"ti";

TEST(MetricsLog, PassesOverDamagedLines) {
  const TestFolder folder;
  const fs::path path = folder.path() / "metrics.jsonl";
  write_file(path, kDamaged);
  const auto rows = read_metrics(path);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].step, 1);
  EXPECT_EQ(rows[0].time, 2.5);
  EXPECT_EQ(rows[0].values.at(0).second, 0.5);
  EXPECT_EQ(rows[1].step, 3);
  EXPECT_TRUE(std::isnan(rows[1].values.at(0).second));
}

TEST(MetricsLog, ResumesWithTheGoodLines) {
  const TestFolder folder;
  const fs::path path = folder.path() / "metrics.jsonl";
  write_file(path, kDamaged);
  MetricsLog(path, 2).write(2, {{"loss", 0.25}});
  const auto rows = read_metrics(path);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].step, 1);
  EXPECT_EQ(rows[1].step, 2);
  EXPECT_EQ(contents(path).rfind("{\"step\":1,\"time\":2.5,\"loss\":0.5}\n{\"step\":2,", 0), 0U);
}

TEST(MetricsLog, RefusesWhatIsNoFile) {
  const TestFolder folder;
  EXPECT_EQ(message_of([&] { read_metrics("/dev/null"); }),
            "/dev/null: expected a file, got something else");
  EXPECT_EQ(message_of([&] { read_metrics(folder.path() / "x"); }),
            (folder.path() / "x").string() + ": cannot open: No such file or directory");
  EXPECT_EQ(message_of([&] { MetricsLog log(folder.path(), 0); }),
            folder.path().string() + ": expected a file, got a folder");
}

}  // namespace
}  // namespace diffuse
