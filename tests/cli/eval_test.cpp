// diffuse eval as a user runs it, where the right figures are known.
#include <ATen/ATen.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numbers>

#include "src/arrays/array_file.h"
#include "src/pictures/image_file.h"
#include "tests/cli/run_program.h"
#include "tests/test_folder.h"

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace diffuse::testing_cli {
namespace {

fs::path oracle_config(const std::string& diffusion, double s2) {
  const fs::path file = scratch("eval_oracle") / "oracle.json";
  const std::string variance = std::to_string(s2);
  write_file(file, R"({"model": {"type": "gaussian_oracle", "variance": )" + variance +
                       R"(}, "data": {"type": "gaussian", "dimensions": 64, "variance": )" +
                       variance + R"(}, "diffusion": )" + diffusion + "}");
  return file;
}

Json evaluate(std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"eval", "--device", "cpu", "--json", "-"});
  const Outcome o = run_program(flags);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return Json::parse(o.out, nullptr, false);
}

void expect_within(const Json& estimate, double wanted, double most) {
  const double error = estimate.at("stderr");
  EXPECT_LT(error, most);
  EXPECT_NEAR(estimate.at("mean").get<double>(), wanted, 5 * error + 1e-6);
}

// tests/reference/gaussian_bound.py: linear 200 to 0.05, fixed_large, 0.25.
TEST(Eval, BitsOfTheOracleAreTheClosedForm) {
  const fs::path config = oracle_config(R"({"timesteps": 200, "beta_end": 0.05})", 0.25);
  const Json report = evaluate({"--ckpt", config, "--items", "64"});
  const Json& bpd = report.at("bpd");
  expect_within(bpd.at("prior"), 0.00111758903, 1e-4);
  expect_within(bpd.at("diffusion"), 5.64854824, 0.04);
  expect_within(bpd.at("diffusion_monte_carlo"), 5.64854824, 0.1);
  expect_within(bpd.at("reconstruction"), -4.57233869, 0.04);
  expect_within(bpd.at("total"), 0.00111758903 + 5.64854824 - 4.57233869, 0.05);
  EXPECT_LT(bpd.at("diffusion").at("stderr"), bpd.at("diffusion_monte_carlo").at("stderr"));
  EXPECT_EQ(report.at("provenance").at("items"), 64);
  EXPECT_EQ(report.at("provenance").at("weights"), "exact");
}

// Hours of work end with this report.
TEST(Eval, ReportsOnAFileWhoseNameIsNotUtf8) {
  fs::path config = oracle_config(R"({"timesteps": 20})", 0.25);
  fs::rename(config, config.parent_path() / "caf\xe9.json");
  config = config.parent_path() / "caf\xe9.json";
  const Json report = evaluate({"--ckpt", config, "--items", "2"});
  EXPECT_NE(std::string(report.at("provenance").at("model")).find("caf\xef\xbf\xbd.json"),
            std::string::npos)
      << report;
}

TEST(Eval, ByTheOdeIsTheEntropyOfTheData) {
  const fs::path config = oracle_config(R"({"timesteps": 1000})", 0.25);
  const Json report = evaluate({"--ckpt", config, "--items", "64", "--metrics", "ode-bpd"});
  const double entropy = std::log2(2 * std::numbers::pi * std::numbers::e * 0.2501) / 2;
  EXPECT_NEAR(report.at("ode-bpd").at("mean").get<double>(), entropy,
              5 * report.at("ode-bpd").at("stderr").get<double>() + 2e-3);
  EXPECT_FALSE(report.contains("bpd"));
}

// Two components so far apart that they do not overlap: one Gaussian's entropy and one bit for
// which of the two, over two dimensions.
TEST(Eval, OfAMixtureIsItsEntropy) {
  const fs::path file = scratch("eval_mixture") / "mixture.json";
  write_file(file,
             R"({"model": {"type": "mixture_oracle", "means": [-3, 0, 3, 0], "variance": 0.04},
      "data": {"type": "gaussian_mixture", "means": [-3, 0, 3, 0], "variance": 0.04},
      "diffusion": {"schedule": "cosine"}})");
  const Json report =
      evaluate({"--ckpt", file, "--items", "500", "--metrics", "ode-bpd", "--ode-steps", "400"});
  const double entropy = std::log2(2 * std::numbers::pi * std::numbers::e * 0.04) / 2 + 0.5;
  EXPECT_NEAR(report.at("ode-bpd").at("mean").get<double>(), entropy,
              5 * report.at("ode-bpd").at("stderr").get<double>() + 5e-3);
}

TEST(Eval, WritesATableAndAPictureOfEveryTimestep) {
  const fs::path folder = scratch("eval_files");
  const fs::path config = oracle_config(R"({"timesteps": 50, "beta_end": 0.2})", 1);
  const Json report = evaluate({"--ckpt", config, "--items", "8", "--metrics", "bpd,rd", "--csv",
                                folder / "a.csv", "--plot", folder / "a.svg"});
  ASSERT_EQ(report.at("rd").size(), 50);
  EXPECT_NEAR(report.at("rd")[49].at("rate").at("mean").get<double>(),
              report.at("bpd").at("prior").at("mean").get<double>(), 1e-12);
  std::ifstream csv(folder / "a.csv");
  std::string line;
  std::getline(csv, line);
  EXPECT_EQ(line,
            "t,items,term,term_stderr,monte_carlo,monte_carlo_stderr,rate,rate_stderr,distortion,"
            "distortion_stderr,rmse");
  double sum = 0;
  for (int rows = 0; std::getline(csv, line); ++rows) {
    const size_t term = line.find(',', line.find(',') + 1) + 1;
    if (rows > 0) sum += std::stod(line.substr(term));
  }
  EXPECT_NEAR(sum, report.at("bpd").at("diffusion").at("mean").get<double>(), 1e-9);
  EXPECT_NE(contents(folder / "a.svg").find(" height=\"1400\""), std::string::npos);  // five charts
}

// A hardly trained model.
fs::path forecast_run() {
  static const fs::path run = [] {
    const fs::path folder = scratch("eval_crps");
    write_file(folder / "c.json", R"({
    "data": {"type": "autoregressive", "length": 8, "count": 40},
    "condition": {"type": "mask", "mask": "forecast", "horizon": 2},
    "model": {"channels": 8, "channel_multipliers": [1, 2], "blocks_per_level": 1,
              "norm_groups": 4, "attention_resolutions": []},
    "diffusion": {"timesteps": 10, "beta_end": 0.5},
    "train": {"steps": 2, "batch_size": 8}})");
    const Outcome o = run_program(
        {"train", "--config", folder / "c.json", "--out", folder / "run", "--device", "cpu"});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return folder / "run";
  }();
  return run;
}

// Its forecasts are not good, but the same in each batch.
TEST(Eval, ScoresForecasts) {
  const auto score = [&](const char* batch) {
    return evaluate({"--ckpt", forecast_run(), "--metrics", "crps", "--items", "3",
                     "--crps-samples", "4", "--batch", batch})
        .at("crps");
  };
  const Json crps = score("128");
  EXPECT_GT(crps.at("mean"), 0.05);
  EXPECT_LT(crps.at("mean"), 5);
  EXPECT_EQ(crps.at("unknown"), 0.25);
  EXPECT_EQ(crps.at("samples"), 4);
  EXPECT_EQ(crps.at("items"), 3);
  EXPECT_TRUE(crps.at("sampling").contains("sampler"));
  EXPECT_NEAR(score("1").at("mean").get<double>(), crps.at("mean").get<double>(), 1e-5);
}

// What a run says that gets Ctrl-C once it measures.
Outcome interrupted_eval(const std::vector<std::string>& flags) {
  const fs::path err = scratch("eval_interrupted") / "err";
  write_file(err, "");
  std::vector<char*> argv;
  for (const char* const word : {"diffuse", "eval", "--device", "cpu"})
    argv.push_back(const_cast<char*>(word));
  for (const std::string& flag : flags) argv.push_back(const_cast<char*>(flag.c_str()));
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(open(err.c_str(), O_WRONLY | O_TRUNC), STDERR_FILENO);
    execv(program(), argv.data());
    _exit(127);
  }
  int status = 0;
  bool ended = false;
  while (!ended && contents(err).find("evaluating") == std::string::npos) {
    usleep(5'000);
    ended = waitpid(child, &status, WNOHANG) != 0;
  }
  if (!ended) {
    kill(child, SIGINT);
    waitpid(child, &status, 0);
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, "", contents(err)};
}

// All of these samples would take hours.
TEST(Eval, EndsOnASignalBetweenStepsOfSampling) {
  const fs::path oracle = oracle_config(R"({"timesteps": 100000, "beta_end": 0.001})", 0.25);
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--ckpt", forecast_run(), "--metrics", "crps", "--items", "1",
                                 "--crps-samples", "1000000000"},
        {"--ckpt", oracle, "--metrics", "neighbours", "--neighbour-samples", "10000", "--sampler",
         "ddpm"},
        {"--ckpt", oracle, "--metrics", "swd", "-n", "10000", "--batch", "10000", "--sampler",
         "ddpm"}}) {
    const Outcome o = interrupted_eval(flags);
    EXPECT_EQ(o.exit_code, 1) << o.err;
    EXPECT_NE(o.err.find("stopped by SIGINT"), std::string::npos) << o.err;
  }
}

// A trained model of images: figures depend on the items and the seed, not on the batch.
TEST(Eval, OfATrainedModelDoesNotDependOnTheBatch) {
  const fs::path folder = scratch("eval_run");
  write_file(folder / "c.json", small_image_config());
  const Outcome o = run_program(
      {"train", "--config", folder / "c.json", "--out", folder / "run", "--device", "cpu"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const auto total = [&](const std::vector<std::string>& more) {
    std::vector<std::string> flags{"--ckpt", folder / "run", "--items", "2"};
    flags.insert(flags.end(), more.begin(), more.end());
    return evaluate(flags).at("bpd").at("total").at("mean").get<double>();
  };
  const double all = total({});
  EXPECT_TRUE(std::isfinite(all));
  EXPECT_NEAR(total({"--batch", "3"}), all, 1e-4 * std::abs(all));
  EXPECT_NE(total({"--seed", "1"}), all);
  EXPECT_NE(total({"--no-ema"}), all);
  EXPECT_NE(total({"--timesteps-per-item", "3"}), all);
}

TEST(Eval, RefusesSamplesOfOtherKinds) {
  const fs::path folder = scratch("eval_samples");
  write_file(folder / "x.zip", "PK");
  write_file(folder / "c.json", R"({"model": {"type": "gaussian_oracle"},
      "diffusion": {"timesteps": 5}, "data": {"type": "gaussian", "dimensions": 2}})");
  const Outcome o = run_program({"eval", "--ckpt", folder / "c.json", "--metrics", "bpd,mmd",
                                 "--samples", folder / "x.zip", "--device", "cpu"});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_NE(o.err.find("x.zip: expected a .npz, a .npy or a folder of pictures"), std::string::npos)
      << o.err;
  EXPECT_EQ(o.out, "");
}

// Points that are all the same have no median distance, which mmd finds when bpd has been measured.
TEST(Eval, HandsOutWhatItFoundBeforeAFailure) {
  const fs::path folder = scratch("eval_failure");
  write_npy(folder / "same.npy", at::zeros({8, 2}));
  const std::string points = (folder / "same.npy").string();
  write_file(folder / "c.json", R"({"model": {"type": "gaussian_oracle"},
      "diffusion": {"timesteps": 5}, "data": {"type": "array", "held_out": 2, "path": ")" +
                                    points + "\"}}");
  const Outcome o =
      run_program({"eval", "--ckpt", folder / "c.json", "--metrics", "bpd,mmd", "--samples", points,
                   "--json", folder / "figures.json", "--device", "cpu"});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_NE(o.err.find("MMD: expected a bandwidth above 0, got 0"), std::string::npos) << o.err;
  EXPECT_NE(o.out.find("total     with the closed form"), std::string::npos) << o.out;
  const std::string json = contents(folder / "figures.json");
  for (const char* const part : {"\"total\": {", "\"error\": \"MMD: expected a bandwidth"})
    EXPECT_NE(json.find(part), std::string::npos) << json;
}

TEST(Eval, RefusesWhatIsTooLittleBeforeItMeasures) {
  const fs::path folder = scratch("eval_early");
  write_npy(folder / "one.npy", at::zeros({1, 2}));
  write_file(folder / "c.json", R"({"model": {"type": "gaussian_oracle"},
      "diffusion": {"timesteps": 5}, "data": {"type": "gaussian", "dimensions": 2}})");
  const Outcome o = run_program({"eval", "--ckpt", folder / "c.json", "--metrics", "bpd,mmd",
                                 "--samples", folder / "one.npy", "--device", "cpu"});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_NE(o.err.find("mmd: expected at least 2 samples"), std::string::npos) << o.err;
  EXPECT_EQ(o.out, "");
}

}  // namespace
}  // namespace diffuse::testing_cli
