// Every mistake a user can make on the command line ends with exit code 2 and one clear line.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diffuse/core/error.h"
#include "src/arrays/array_file.h"
#include "src/pictures/image_file.h"
#include "tests/cli/run_program.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

// Files the bad commands speak of, made once for this process.
struct Fixture {
  fs::path folder = scratch("bad_use");
  fs::path model;

  Fixture() {
    write_file(folder / "good.json", small_points_config());
    write_file(folder / "images.json", small_image_config());
    write_file(folder / "jsd.json",
               R"({"model": {"type": "gaussian_oracle"}, "data": {"type": "gaussian"},
                   "diffusion": {"schedule": "jsd"}})");
    write_file(folder / "notjson.json", "{\"train\": ");
    write_file(folder / "empty.pt", "");
    write_file(folder / "text.pt", "this is no checkpoint");
    write_file(folder / "file", "");
    write_npy(folder / "noise64.npy", at::zeros({2, 2}, at::kDouble));
    write_npy(folder / "noise3.npy", at::zeros({2, 3}));
    write_npy(folder / "points.npy", at::zeros({2, 2}));
    write_npy(folder / "two_channels.npy", at::zeros({4, 2, 8, 8}));
    write_file(
        folder / "two_channels.json",
        concat(R"({"model": {"type": "gaussian_oracle"}, "data": {"type": "array", "path": ")",
               (folder / "two_channels.npy").string(), "\"}}"));
    write_png(folder / "colour.png", {8, 8, 3, std::vector<uint8_t>(192)});
    const Outcome o = run_program({"train", "--config", folder / "good.json", "--out",
                                   folder / "run", "--device", "cpu", "--set", "train.steps=2"});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    model = folder / "run/model.pt";
    const auto half = fs::file_size(model) / 2;
    fs::copy_file(model, folder / "half.pt");
    fs::resize_file(folder / "half.pt", half);
  }
};

const Fixture& fixture() {
  static const Fixture made;
  return made;
}

struct Mistake {
  std::vector<std::string> arguments;  // "@name" is a file of the fixture
  std::string says;                    // part of the one line
};

void expect_refused(const Mistake& mistake) {
  SCOPED_TRACE(testing::PrintToString(mistake.arguments));
  testing_cli::expect_refused(run_in(fixture().folder, mistake.arguments), mistake.says);
}

// train with the good config and one flag more.
Mistake train(std::vector<std::string> flags, const std::string& says) {
  flags.insert(flags.begin(),
               {"train", "--config", "@good.json", "--out", "@new", "--device", "cpu"});
  return {flags, says};
}

Mistake sample(std::vector<std::string> flags, const std::string& says) {
  flags.insert(flags.begin(), {"sample", "--ckpt", "@run/model.pt", "-o", "@out.npy"});
  return {flags, says};
}

TEST(BadUse, OfTheProgram) {
  expect_refused({{"trian"}, "did you mean \"train\"?"});
  expect_refused({{"--verbos"}, "--verbos"});
  expect_refused({{"train"}, "--config"});
  expect_refused({{"sample"}, "--ckpt"});
  expect_refused({{"info"}, "file"});
  expect_refused({{"info", "@nothing.pt"}, "no such checkpoint"});
  expect_refused({{"info", "@text.pt"}, "text.pt"});
  expect_refused({{"data", "inspect", "@" + std::string(300, 'a')}, "File name too long"});
}

TEST(BadUse, OfTrain) {
  expect_refused({{"train", "--config", "@none.json"}, "none.json"});
  expect_refused({{"train", "--config", "@"}, "bad_use"});
  expect_refused({{"train", "--config", "@notjson.json"}, "notjson.json"});
  expect_refused(train({"--sett", "a=1"}, "--sett"));
  expect_refused(train({"--set", "train.step=3"}, "/train/step: unknown key; did you mean"));
  expect_refused(train({"--set", "train.steps"}, "train.steps"));
  expect_refused(train({"--set", "train.steps=1.5"}, "expected an integer"));
  expect_refused(train({"--set", "train.freeze=[\"inptu\"]"},
                       "good.json: /train/freeze/0: \"inptu\" matches no parameter of the network; "
                       "did you mean \"input\"?"));
  expect_refused(train({"--set", "train.steps=-1"}, "/train/steps"));
  expect_refused(train({"--set", "model.type=unett"}, "did you mean \"unet\"?"));
  expect_refused(train({"--set", "model.type=unet"}, "/model"));
  expect_refused(train({"--set", "model.type=gaussian_oracle"}, "/model/type"));
  expect_refused(train({"--set", "diffusion.beta_end=1.5"}, "/diffusion/beta_end"));
  expect_refused(train({"--set", "train.precision=fp16"}, "fp16 needs a GPU"));
  expect_refused(
      train({"--set", "data.type=mnist", "--set", "data.path=/nonexistent"}, "/nonexistent"));
  expect_refused(train({"--set", "data.horizontal_flip=true"}, "horizontal_flip"));
  expect_refused(train({"--time-limit", "soon"}, "soon"));
  expect_refused(train({"--device", "gpu"}, "--device"));
  expect_refused(
      {{"train", "--config", "@good.json", "--out", "@new", "--device", "cuda:x"}, "cuda:N"});
  expect_refused(train({"--threads", "-3"}, "--threads"));
  expect_refused(train({"--seed", "-1"}, "--seed"));
  expect_refused(train({"--resume", "@empty.pt"}, "empty.pt"));
  expect_refused(train({"--resume", "@half.pt"}, "half.pt"));
  expect_refused(
      train({"--resume", "@run/model.pt", "--set", "model.hidden=32"}, "/model/hidden differs"));
  expect_refused({{"train", "--config", "@good.json", "--out", "@file/run"}, "--out"});
  expect_refused({{"train", "--config", "@images.json", "--out", "@new", "--set",
                   "model.attention_resolutions=[3]"},
                  "/model/attention_resolutions"});
  expect_refused(
      {{"train", "--config", "@images.json", "--out", "@new", "--set", "data.image_size=9"}, "9"});
}

TEST(BadUse, OfSample) {
  expect_refused({{"sample", "--ckpt", "@none.pt"}, "no such checkpoint"});
  expect_refused({{"sample", "--ckpt", "@"}, "no model.pt"});
  expect_refused({{"sample", "--ckpt", "@half.pt"}, "half.pt"});
  expect_refused({{"sample", "--ckpt", "@good.json"}, "/model/type"});
  expect_refused(sample({"-n", "0"}, "-n: expected"));
  expect_refused(sample({"-n", "-4"}, "-n: expected"));
  expect_refused(sample({"-n", "many"}, "-n"));
  expect_refused(sample({"--steps", "0"}, "--steps"));
  expect_refused(sample({"--steps", "21"}, "--steps: expected at most the 20 timesteps"));
  expect_refused(sample({"--sampler", "dddim"}, "did you mean \"ddim\"?"));
  expect_refused(sample({"--spacing", "trailling"}, "did you mean \"trailing\"?"));
  expect_refused(sample({"--timesteps", "5,9"}, "--timesteps"));
  expect_refused(sample({"--timesteps", "20"}, "0 to 19"));
  expect_refused(sample({"--eta", "2"}, "--eta"));
  expect_refused(sample({"--eta", "0.5"}, "needs the sampler ddim, /sample/sampler is"));
  expect_refused(
      sample({"--eta", "0.5", "--sampler", "heun"}, "needs the sampler ddim, /sample/sampler is"));
  expect_refused(sample({"--sampler", "dpmp2m"}, "did you mean \"dpmpp2m\"?"));
  expect_refused(sample({"--dynamic-threshold", "1"}, "--dynamic-threshold"));
  expect_refused(sample({"--timesteps", "9,5", "--steps", "2"}, "leave out --steps"));
  expect_refused(sample({"--share-from-step", "20"}, "expected 0 to 19"));
  expect_refused(sample({"--share-from-step", "5", "--sampler", "ddim"}, "adds no noise"));
  expect_refused(sample({"--frames", "5"}, "-o FILE.gif"));
  expect_refused(sample({"--show-x0"}, "-o FILE.gif"));
  expect_refused({{"sample", "--ckpt", "@run", "-o", "@x.png", "--resume"},
                  "expected a folder, .npz or .npy"});
  expect_refused(sample({"--class", "3"}, "without classes"));
  expect_refused(sample({"--guidance", "2"}, "without classes"));
  expect_refused(sample({"--batch", "0"}, "--batch"));
  expect_refused(sample({"--seed", "-1"}, "expected 0 or more, got -1"));
  expect_refused(sample({"--seeds", "9-3"}, "--seeds"));
  expect_refused(sample({"--seeds", "a"}, "--seeds"));
  expect_refused(sample({"--seeds", "1", "--seed", "2"}, "--seed"));
  expect_refused(sample({"--noise", "@none.npy"}, "none.npy"));
  expect_refused(sample({"--noise", "@noise64.npy"}, "expected float32"));
  expect_refused(sample({"--noise", "@noise3.npy"}, "--noise"));
  expect_refused(sample({"--precision", "fp8"}, "--precision"));
  expect_refused({{"sample", "--ckpt", "@run", "-o", "@x.bmp"}, ".png"});
  expect_refused({{"sample", "--ckpt", "@run", "-o", "@folder"}, "points or signals, not images"});
  expect_refused({{"sample", "--ckpt", "@run", "-o", "@file/x.npy"}, "-o"});
}

TEST(BadUse, OfEncodeAndBench) {
  const auto encode = [](std::vector<std::string> flags, const std::string& says) {
    flags.insert(flags.begin(), {"encode", "--ckpt", "@run", "--image", "@points.npy"});
    expect_refused({flags, says});
  };
  encode({"-o", "@x.png"}, "ending in .npy");
  encode({"-o", "@x.npy", "--steps", "21"}, "--steps: expected at most the 20 timesteps");
  encode({"-o", "@x.npy", "--passes", "0"}, "--passes");
  encode({"-o", "@x.npy", "--class", "1"}, "without classes");
  encode({"-o", "@x.npy", "--image", "@noise3.npy"}, "--image");
  const auto bench = [](std::vector<std::string> flags, const std::string& says) {
    flags.insert(flags.begin(), {"bench", "samplers", "--ckpt", "@run"});
    expect_refused({flags, says});
  };
  expect_refused({{"encode", "--ckpt", "@two_channels.json", "--image", "@colour.png"},
                  "the image has 3 channels, this model's have 2"});
  bench({"--samplers", "ddpm"}, "samplers without noise");
  bench({"--samplers", "huen"}, "did you mean \"heun\"?");
  bench({"--steps", "21"}, "--steps: expected 1 to 20");
  bench({"--plot", "x.jpg"}, ".png");
  bench({"--batch", "0"}, "--batch");
  bench({"--features", "@file"}, "the FID needs both");
}

// The model is not there: the flags are refused before it is read.
TEST(BadUse, OfFlagsOfOtherMetrics) {
  const auto refused = [](const std::string& metrics, std::vector<std::string> flags,
                          const std::string& says) {
    const std::string wanted = flags[0] + ": is for the metric" + says;
    flags.insert(flags.begin(), {"eval", "--ckpt", "@none.pt", "--metrics", metrics});
    expect_refused({flags, wanted});
  };
  const std::string compared = "s fid, kid, is, pr, swd and mmd, not bpd";
  refused("bpd", {"-n", "4"}, compared);
  refused("bpd", {"--samples", "@file"}, compared);
  refused("bpd", {"--against", "train"}, compared);
  refused("bpd", {"--features", "@file"}, "s fid, kid, is and pr, not bpd");
  refused("bpd", {"--features-input", "unit"}, "s fid, kid, is and pr, not bpd");
  refused("bpd", {"--features-size", "9"}, "s fid, kid, is and pr, not bpd");
  refused("bpd", {"--reference", "@file"}, " fid, not bpd");
  refused("kid,is", {"--save-reference", "@x.npz"}, " fid, not kid or is");
  refused("bpd", {"--kid-subsets", "2"}, " kid, not bpd");
  refused("bpd", {"--kid-subset-size", "2"}, " kid, not bpd");
  refused("swd", {"--bandwidth", "1"}, " mmd, not swd");
  refused("bpd", {"--crps-samples", "8"}, " crps, not bpd");
  for (const char* const flag : {"--ode-steps", "--ode-probes"})
    refused("bpd,rd,epsilon", {flag, "2"}, " ode-bpd, not bpd, rd or epsilon");
  refused("bpd", {"--ode-tolerance", "0.1"}, " ode-bpd, not bpd");
  for (const char* const flag : {"--neighbour-samples", "--neighbour-count"})
    refused("bpd", {flag, "2"}, " neighbours, not bpd");
  refused("bpd", {"--neighbour-picture", "@x.png"}, " neighbours, not bpd");
  refused("swd", {"--timesteps-per-item", "2"}, "s bpd and rd, not swd");
  refused("swd", {"--csv", "@x.csv"}, "s bpd and rd, not swd");
  refused("ode-bpd", {"--plot", "@x.svg"}, "s bpd and rd, not ode-bpd");
  refused("swd", {"--items", "8"}, "s bpd, rd, ode-bpd, epsilon and crps, not swd");
  refused("swd", {"--split", "held_out"}, "s bpd, rd, ode-bpd, epsilon and crps, not swd");
  refused("neighbours", {"--batch", "8"}, "s bpd, rd, ode-bpd, epsilon, crps, fid, kid, is, pr, ");
}

TEST(BadUse, OfEval) {
  const auto eval = [](std::vector<std::string> flags, const std::string& says) {
    flags.insert(flags.begin(), {"eval", "--ckpt", "@run", "--device", "cpu"});
    return Mistake{flags, says};
  };
  expect_refused({{"eval"}, "--ckpt"});
  expect_refused({{"eval", "--ckpt", "@run", "--metrics", "crps"},
                  "--metrics crps: expected a model with the /condition/type mask, got \"none\""});
  expect_refused({{"eval", "--ckpt", "@run", "--metrics", "crps", "--crps-samples", "1"},
                  "--crps-samples: expected at least 2, got 1"});
  expect_refused({{"eval", "--ckpt", "@good.json"}, "/model/type"});
  expect_refused({{"eval", "--ckpt", "@jsd.json"}, "jsd.json: /diffusion/prediction"});
  expect_refused(eval({"--metrics", "bdp"}, "did you mean \"bpd\"?"));
  expect_refused(eval({"--items", "-1"}, "--items"));
  expect_refused(eval({"--batch", "0"}, "--batch"));
  expect_refused(eval({"--timesteps-per-item", "-1"}, "--timesteps-per-item"));
  expect_refused(eval({"--timesteps-per-item", "20"},
                      "--timesteps-per-item: expected 1 to 19, or 0 for all, got 20"));
  expect_refused(eval({"--split", "test"}, "--split"));
  expect_refused(eval({"--plot", "@x.jpg"}, ".png"));
  expect_refused(eval({"--metrics", "ode-bpd", "--ode-steps", "0"}, "expected at least 1, got 0"));
  for (const char* const tolerance : {"0", "1", "nan"})
    expect_refused(eval({"--metrics", "ode-bpd", "--ode-tolerance", tolerance}, "--ode-tolerance"));
  expect_refused(eval({"--data", "@none"}, "--data"));
  expect_refused(eval({"--sampler", "ddim"}, "--sampler: no samples are drawn"));
  expect_refused(eval({"--metrics", "swd", "--samples", "@points.npy", "--no-clip"},
                      "--no-clip: no samples are drawn"));
  expect_refused(
      eval({"--metrics", "bpd,neighbours", "--steps", "21"}, "--steps: expected at most the 20"));
  expect_refused(eval({"--data", "@images.json"}, "has samples of [2], but"));
}

TEST(BadUse, OfForward) {
  const auto forward = [](std::vector<std::string> flags, const std::string& says) {
    flags.insert(flags.begin(), {"forward", "--config", "@good.json", "--device", "cpu"});
    return Mistake{flags, says};
  };
  expect_refused({{"forward"}, "--config"});
  expect_refused(forward({"-o", "@x.mp4"}, ".gif"));
  expect_refused(forward({"--mode", "jump"}, "--mode"));
  expect_refused(forward({"--items", "0"}, "--items"));
  expect_refused(forward({"--frames", "0"}, "--frames"));
  expect_refused(forward({"--size", "3"}, "--size"));
  expect_refused(forward({"--set", "diffusion.beta_end=0"}, "/diffusion/beta_end"));
}

TEST(BadUse, OfSchedule) {
  const auto schedule = [](std::vector<std::string> flags, const std::string& says) {
    flags.insert(flags.begin(), {"schedule", "--kind", "linear"});
    return Mistake{flags, says};
  };
  expect_refused({{"schedule"}, "--config FILE or --kind NAME"});
  expect_refused({{"schedule", "--kind", "linnear"}, "did you mean \"linear\"?"});
  expect_refused(schedule({"--config", "@good.json"}, "--config"));
  expect_refused(
      schedule({"--timesteps", "0"}, "--timesteps: expected an integer in [1, 1000000], got 0"));
  expect_refused(
      schedule({"--beta-start", "0"}, "--beta-start: expected a number in (0, 1), got 0"));
  expect_refused(schedule({"--beta-end", "1"}, "--beta-end: expected a number in (0, 1), got 1"));
  expect_refused(schedule({"--beta-end", "nan"}, "--beta-end"));
  expect_refused(schedule({"--plot", "@x.gif"}, ".png"));
  expect_refused({{"verify", "now"}, "now"});
  expect_refused({{"verify", "--devise", "cpu"}, "--devise: unknown flag; did you mean"});
  expect_refused({{"verify", "cpu"}, "\"cpu\": unexpected"});
  expect_refused({{"launch", "--nproc", "2", "--", "ls"}, "expected one of train, sample, eval"});
  expect_refused({{"launch", "--nproc", "2", "train", "--config", "c.json"},
                  "--config: unknown flag; those of the command come after --"});
  expect_refused({{"verify", "--device", "cuda"}, "--device: expected auto or cpu"});
}

// Where alpha_bar reaches 0, x_0 cannot be had from x_T and epsilon.
TEST(BadUse, OfEpsilonWithoutSignal) {
  expect_refused(train({"--set", "diffusion.schedule=jsd"}, "good.json: /diffusion/prediction"));
  expect_refused(train({"--set", "diffusion.rescale_zero_terminal_snr=true"},
                       "good.json: /diffusion/prediction"));
  expect_refused({{"sample", "--ckpt", "@jsd.json"}, "jsd.json: /diffusion/prediction"});
}

TEST(BadUse, LeavesNothingHalfWritten) {
  fixture();
  expect_refused(sample({"--steps", "21"}, "--steps"));
  EXPECT_FALSE(fs::exists(fixture().folder / "out.npy"));
  EXPECT_FALSE(fs::exists(fixture().folder / "new/model.pt"));
}

TEST(BadUse, OfAFolderThatCannotBeWritten) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const fs::path locked = scratch("locked");
  chmod(locked.c_str(), 0500);
  expect_refused({{"train", "--config", "@good.json", "--out", locked / "run"}, "--out"});
}

}  // namespace
}  // namespace diffuse::testing_cli
