#include "src/train/run_metrics.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/test_folder.h"

namespace diffuse {
namespace {

std::filesystem::path make_run(const std::filesystem::path& folder, const std::string& lines) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "config.json") << R"({"train": {"batch_size": 10}})";
  std::ofstream(folder / "metrics.jsonl") << lines;
  return folder;
}

TEST(RunFacts, ComeBackFromTheirFile) {
  const TestFolder folder;
  EXPECT_EQ(read_run_facts(folder.path()).parameters, 0);
  const RunFacts facts{.program = "diffuse 0.1.0",
                       .libtorch = "2.11.0",
                       .command = "diffuse train --config 'a b.json'",
                       .device = "cuda:0",
                       .precision = "bf16",
                       .processes = 2,
                       .threads = 3,
                       .parameters = 35'746'307};
  write_run_facts(folder.path(), facts);
  const RunFacts read = read_run_facts(folder.path());
  EXPECT_EQ(read.program + read.libtorch + read.command + read.device + read.precision,
            facts.program + facts.libtorch + facts.command + facts.device + facts.precision);
  EXPECT_EQ(read.processes, 2);
  EXPECT_EQ(read.threads, 3);
  EXPECT_EQ(read.parameters, 35'746'307);
  std::ofstream(folder.path() / "run.json") << R"({"program": 3, "parameters": "x")";
  EXPECT_EQ(read_run_facts(folder.path()).program, "");
}

TEST(ShellWord, IsQuotedWhereAShellWouldReadMoreIntoIt) {
  EXPECT_EQ(shell_word("runs/a-1.json"), "runs/a-1.json");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("$HOME"), "'$HOME'");
}

// 100 samples at 50 a second, then 200 at 100 a second; the pause of an hour between them is none of it.
TEST(RunMetrics, CountsTheTimeOfTrainingAlone) {
  const TestFolder folder;
  const auto run =
      read_run(make_run(folder.path() / "run",
                        "{\"step\":10,\"time\":100,\"train/samples_per_second\":50}\n"
                        "{\"step\":20,\"time\":3700,\"held_out/loss\":1}\n"
                        "{\"step\":30,\"time\":3702,\"train/samples_per_second\":100}\n"));
  EXPECT_DOUBLE_EQ(run.seconds(), 2 + 2);
  EXPECT_EQ(run.step(), 30);
}

TEST(RunMetrics, GoByTheirFoldersOrWhereThoseAreAlikeByPaths) {
  const TestFolder folder;
  std::vector<RunMetrics> runs;
  for (const char* const name : {"x/a", "x/b", "y/a"})
    runs.push_back(read_run(make_run(folder.path() / name, "")));
  EXPECT_EQ(run_labels({runs[0], runs[1]}), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(run_labels({runs[0], runs[2]})[1], (folder.path() / "y/a").string());
}

std::vector<std::string> titles(const std::vector<Chart>& charts) {
  std::vector<std::string> titles;
  for (const Chart& chart : charts) titles.push_back(chart.title);
  return titles;
}

TEST(RunCharts, PutLossesFirstAndQuartersIntoOne) {
  const TestFolder folder;
  std::string lines;
  for (int step = 1; step <= 2; ++step)
    lines += "{\"step\":" + std::to_string(step) +
             ",\"time\":1,\"train/gradient_norm\":1,\"held_out/loss\":0.5,\"held_out/loss_stderr\":"
             "0.1,\"train/skipped_steps\":0,\"held_out/loss_t_quarter_1\":0.1,"
             "\"held_out/loss_t_quarter_4\":0.4,\"train/loss\":0.5,\"mine\":-1}\n";
  lines += "{\"step\":3,\"time\":1,\"once\":1}\n";
  const auto run = read_run(make_run(folder.path() / "a", lines));
  const auto charts = run_charts({run});
  EXPECT_EQ(titles(charts),
            (std::vector<std::string>{"Training loss", "Held-out error of ε",
                                      "Held-out error by quarter of t", "Gradient norm", "mine"}));
  ASSERT_EQ(charts.size(), 5U);
  EXPECT_EQ(charts[2].series.size(), 2U);
  EXPECT_EQ(charts[2].series[1].y, (std::vector<double>{0.4, 0.4}));
  EXPECT_TRUE(charts[0].log_y);
  EXPECT_FALSE(charts[4].log_y);
  EXPECT_EQ(charts[0].series[0].label, "");
  const auto both = run_charts({run, read_run(make_run(folder.path() / "b", lines))});
  EXPECT_EQ(both.size(), 6U);  // the quarters of each run
  EXPECT_EQ(both[0].series[1].label, "b");
}

}  // namespace
}  // namespace diffuse
