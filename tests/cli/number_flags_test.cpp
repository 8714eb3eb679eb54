// Numbers are read alike by every flag of every command.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/arrays/array_file.h"
#include "tests/cli/run_program.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

const fs::path& folder() {
  static const fs::path made = [] {
    const fs::path path = scratch("numbers");
    write_file(path / "oracle.json", R"({"model": {"type": "gaussian_oracle"},
                                         "data": {"type": "gaussian"},
                                         "diffusion": {"timesteps": 20, "beta_end": 0.3}})");
    return path;
  }();
  return made;
}

Outcome run_numbers(const std::vector<std::string>& arguments) {
  return run_in(folder(), arguments);
}

at::Tensor sampled(std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"sample", "--ckpt", "@oracle.json", "-o", "@x.npy"});
  const Outcome o = run_numbers(flags);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return read_npy(folder() / "x.npy");
}

void expect_number_refused(const std::vector<std::string>& arguments, const std::string& says) {
  SCOPED_TRACE(testing::PrintToString(arguments));
  testing_cli::expect_refused(run_numbers(arguments), says);
}

TEST(NumberFlags, TenIsTenHoweverItIsWritten) {
  const at::Tensor ten = sampled({"-n", "10", "--seed", "10", "--steps", "10"});
  for (const char* const text : {"010", "1e1", "10.0", " 10", "10 "}) {
    const at::Tensor same = sampled({"-n", text, "--seed", text, "--steps", text});
    EXPECT_TRUE(at::equal(same, ten)) << text;
  }
  EXPECT_FALSE(at::equal(sampled({"-n", "10", "--seed", "8", "--steps", "10"}), ten));
}

TEST(NumberFlags, ListsReadThemAlike) {
  EXPECT_TRUE(at::equal(sampled({"--seeds", "08-010,1e2"}), sampled({"--seeds", "8,9,10,100"})));
  EXPECT_TRUE(at::equal(sampled({"-n", "2", "--sampler", "ddim", "--timesteps", "1e1,07"}),
                        sampled({"-n", "2", "--sampler", "ddim", "--timesteps", "10,7"})));
  EXPECT_TRUE(at::equal(sampled({"--seeds", "8, 10"}), sampled({"--seeds", "8,10"})));
  for (const char* const text : {"", "-1", "1-", "1e-1"})
    expect_number_refused({"sample", "--ckpt", "@oracle.json", "--seeds", text},
                          std::string("ranges such as 0-63 or 1,5,9, got \"") + text + "\"");
  EXPECT_EQ(
      run_numbers({"bench", "samplers", "--ckpt", "@oracle.json", "-n", "02", "--steps", "02,4.0"})
          .exit_code,
      0);
}

TEST(NumberFlags, SeedsGoUpToTheLargestOf64Bits) {
  const std::string largest = "18446744073709551615";
  EXPECT_TRUE(at::equal(sampled({"-n", "1", "--seed", largest}), sampled({"--seeds", largest})));
  for (const char* const text : {"18446744073709551616", "99999999999999999999999", "1e30"})
    expect_number_refused(
        {"sample", "--ckpt", "@oracle.json", "--seed", text},
        std::string("--seed: expected a whole number below 2^64, got \"") + text + "\"");
}

TEST(NumberFlags, RealNumbersAreReadAlike) {
  const at::Tensor half = sampled({"-n", "2", "--sampler", "ddim", "--eta", "0.5"});
  for (const char* const text : {".5", "+0.5", "5e-1", " .5 "})
    EXPECT_TRUE(at::equal(sampled({"-n", "2", "--sampler", "ddim", "--eta", text}), half)) << text;
  for (const char* const flag : {"--eta", "--guidance", "--strength"})
    for (const char* const text : {"", "0,5", "half", "nan", "1e400"})
      expect_number_refused({"sample", "--ckpt", "@oracle.json", flag, text},
                            std::string(flag) + ": expected a number, got \"" + text + "\"");
}

TEST(NumberFlags, OtherTextIsRefused) {
  const std::vector<std::vector<std::string>> flags{
      {"sample", "--ckpt", "@oracle.json", "-n"},
      {"train", "--config", "@oracle.json", "--threads"},
      {"eval", "--ckpt", "@oracle.json", "--items"},
      {"bench", "samplers", "--ckpt", "@oracle.json", "--steps"},
      {"schedule", "--kind", "linear", "--timesteps"},
      {"launch", "--nproc"}};
  for (std::vector<std::string> line : flags)
    for (const char* const text : {"1.5", "1e-3", "9223372036854775808", "1e30", "many", ""}) {
      line.push_back(text);
      expect_number_refused(
          line, std::string("expected a whole number below 2^63, got \"") + text + "\"");
      line.pop_back();
    }
}

}  // namespace
}  // namespace diffuse::testing_cli
