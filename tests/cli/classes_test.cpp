// Class names: kept with the model, taken by --class, compared with those of other data.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "src/arrays/array_file.h"
#include "tests/cli/run_program.h"
#include "tests/test_folder.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

using Arguments = std::vector<std::string>;

Outcome run_with(Arguments arguments, const Arguments& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program(arguments);
}

// Points of four classes, which the config names.
const fs::path& config_file() {
  static const fs::path file = [] {
    const fs::path folder = scratch("classes");
    write_npz(folder / "x.npz", {{"x", at::linspace(-1, 1, 80).view({40, 2})},
                                 {"y", at::arange(40, at::kLong).remainder(4)}});
    write_file(folder / "c.json", R"({
      "data": {"type": "array", "path": ")" +
                                      (folder / "x.npz").string() + R"(", "labels": "y"},
      "model": {"type": "mlp", "hidden": 8, "layers": 1, "class_conditional": true,
                "class_names": ["cat", "red, round", "0", "été"]},
      "diffusion": {"timesteps": 10, "beta_end": 0.5},
      "train": {"steps": 2, "batch_size": 8, "warmup_steps": 0}})");
    return folder / "c.json";
  }();
  return file;
}

Outcome train_named(const fs::path& out, const Arguments& more) {
  return run_with({"train", "--config", config_file(), "--device", "cpu", "--out", out}, more);
}

const fs::path& model() {
  static const fs::path folder = [] {
    const fs::path out = scratch("named") / "run";
    EXPECT_EQ(train_named(out, {}).exit_code, 0);
    return out;
  }();
  return folder;
}

Outcome sample_of(const std::string& classes, const fs::path& out = scratch("s") / "s.npy") {
  return run_program(
      {"sample", "--ckpt", model(), "-n", "4", "--class", classes, "--device", "cpu", "-o", out});
}

// The four samples that --class gives.
at::Tensor samples(const std::string& classes) {
  const fs::path out = scratch("s") / "s.npy";
  const Outcome o = sample_of(classes, out);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return read_npy(out);
}

TEST(ClassNames, AreKeptInTheModelAndShown) {
  const auto facts = nlohmann::json::parse(run_program({"info", model(), "--json"}).out);
  EXPECT_EQ(facts["class_names"], (nlohmann::json{"cat", "red, round", "0", "été"}));
  EXPECT_NE(run_program({"info", model()})
                .out.find("class_names: [\"cat\",\"red, round\",\"0\",\"été\"]"),
            std::string::npos);
  const fs::path copy = scratch("copy") / "model.pt";
  EXPECT_EQ(run_program({"convert", model(), copy}).exit_code, 0);
  EXPECT_EQ(nlohmann::json::parse(run_program({"info", copy, "--json"}).out)["class_names"],
            facts["class_names"]);
}

TEST(ClassNames, AreTakenInPlaceOfNumbersAndInLists) {
  const at::Tensor all = samples("all");
  EXPECT_TRUE(at::equal(samples("0,1,2,3"), all));
  EXPECT_TRUE(at::equal(samples("cat,red, round, 2 ,été"), all));
  EXPECT_TRUE(at::equal(samples("red, round"), samples("1")));
  EXPECT_FALSE(at::equal(samples("red, round"), samples("0")));
  EXPECT_TRUE(at::equal(samples("cat,1"), samples("0,1,0,1")));
}

TEST(ClassNames, ThatAreNumbersGoByName) {
  EXPECT_TRUE(at::equal(samples("0"), samples("cat")));
  EXPECT_TRUE(at::equal(samples("name:0"), samples("2")));
  EXPECT_NE(sample_of("0").err.find("--class 0: class number 0, named cat; name:0 is number 2"),
            std::string::npos);
}

TEST(ClassNames, ThatAreNotThereAreRefused) {
  expect_refused(sample_of("cat,kat"),
                 "--class: expected 0 to 3, all or one of \"cat\", \"red, round\", \"0\", "
                 "\"été\", got \"kat\"; did you mean \"cat\"?");
  expect_refused(sample_of("4"), "--class: expected 0 to 3, got 4");
  expect_refused(sample_of(""), "got \"\"");
  expect_refused(sample_of("1,"), "got \"\"");
  expect_refused(sample_of("name:5"), "got \"name:5\"");
}

TEST(ClassNames, AreTakenByCommandsThatEdit) {
  const fs::path folder = scratch("edit");
  write_npy(folder / "x.npy", at::ones({3, 2}));
  const auto denoised = [&](const std::string& classes) {
    const Outcome o =
        run_program({"denoise", "--ckpt", model(), "--image", folder / "x.npy", "--sigma", "0.5",
                     "--class", classes, "-o", folder / "out.npy", "--device", "cpu"});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return read_npy(folder / "out.npy");
  };
  EXPECT_TRUE(at::equal(denoised("cat,été"), denoised("0,3,0")));
  EXPECT_FALSE(at::equal(denoised("cat"), denoised("été")));
}

TEST(ClassNames, OfAnotherSetAreRefusedOnResume) {
  const fs::path out = scratch("other") / "run";
  ASSERT_EQ(train_named(out, {}).exit_code, 0);
  const auto with = [&](const std::string& names, const char* verbosity) {
    return train_named(out, {verbosity, "--resume", "--set", "train.steps=3", "--set",
                             "model.class_names=" + names});
  };
  expect_refused(with(R"(["cat", "red, round", "fox", "été"])", "-q"),
                 "cannot continue with other classes: not in the model: fox; not in the data: 0");
  expect_refused(with(R"(["red, round", "cat", "0", "été"])", "-q"), "in a different order");
  const Outcome by_number = with("[]", "-v");  // as the array has numbers alone
  EXPECT_EQ(by_number.exit_code, 0) << by_number.err;
  EXPECT_NE(by_number.err.find("0 is read as cat, and so on"), std::string::npos);
  const auto facts = nlohmann::json::parse(run_program({"info", out, "--json"}).out);
  EXPECT_EQ(facts["class_names"][0], "cat");
  EXPECT_EQ(facts["step"], 3);
}

}  // namespace
}  // namespace diffuse::testing_cli
