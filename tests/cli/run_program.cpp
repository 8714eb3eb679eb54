#include "tests/cli/run_program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace fs = std::filesystem;

namespace diffuse::testing_cli {

const char* program() {
  const char* const path = std::getenv("DIFFUSE_PROGRAM");
  return path ? path : "build/release/diffuse";
}

Outcome run_program(const std::vector<std::string>& arguments) {
  const fs::path folder = scratch("output");
  std::vector<char*> argv{const_cast<char*>("diffuse")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    for (const auto& [name, descriptor] : {std::pair("out", 1), std::pair("err", 2)})
      dup2(open((folder / name).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), descriptor);
    execv(program(), argv.data());
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          contents(folder / "out"), contents(folder / "err")};
}

Outcome run_in(const fs::path& folder, std::vector<std::string> arguments) {
  for (std::string& argument : arguments)
    if (argument.starts_with("@")) argument = folder / argument.substr(1);
  return run_program(arguments);
}

void expect_refused(const Outcome& outcome, const std::string& says) {
  EXPECT_EQ(outcome.exit_code, 2) << says << "\n" << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_NE(outcome.err.find(says), std::string::npos) << says << "\n" << outcome.err;
  EXPECT_EQ(outcome.out, "") << says;
}

std::string small_points_config() {
  return R"({"data": {"type": "swiss_roll", "count": 200},
             "model": {"type": "mlp", "hidden": 16, "layers": 1},
             "diffusion": {"timesteps": 20, "beta_end": 0.3},
             "train": {"steps": 10, "batch_size": 32, "log_every": 5, "checkpoint_every": 5}})";
}

std::string small_image_config() {
  return R"({"data": {"type": "shapes", "image_size": 8, "count": 40},
             "model": {"channels": 8, "channel_multipliers": [1, 2], "blocks_per_level": 1,
                       "norm_groups": 4, "attention_resolutions": []},
             "diffusion": {"timesteps": 10, "beta_end": 0.5},
             "train": {"steps": 4, "batch_size": 8, "label_dropout": 0.2, "sample_every": 4}})";
}

}  // namespace diffuse::testing_cli
