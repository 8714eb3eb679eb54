// Where commands write: never over a run or what they read, and nowhere before it is known to work.
#include <gtest/gtest.h>

#include "tests/cli/run_program.h"
#include "tests/test_folder.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

// What `files` hold is written nowhere: refusals come before anything is read.
fs::path folder_of(const std::string& name, const std::vector<std::string>& files) {
  const fs::path folder = scratch(name);
  for (const std::string& file : files) {
    fs::create_directories((folder / file).parent_path());
    write_file(folder / file, "old");
  }
  return folder;
}

const std::vector<std::string> kRun{"run/config.json", "run/metrics.jsonl", "run/model.pt",
                                    "run/checkpoints/step-5.pt", "run/samples/step-5.png"};

// One line that holds `says`; no file of `folder` is another than before.
void expect_refused(const fs::path& folder, const std::vector<std::string>& arguments,
                    const std::string& says) {
  SCOPED_TRACE(testing::PrintToString(arguments));
  testing_cli::expect_refused(run_program(arguments), says);
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    EXPECT_NE(entry.path().filename(), "new");
    if (entry.is_regular_file()) {
      EXPECT_EQ(contents(entry.path()), "old") << entry.path();
    }
  }
}

TEST(Outputs, OfConvertAreNoRuns) {
  const fs::path folder = folder_of("convert_run", kRun);
  const fs::path run = folder / "run";
  fs::create_directory_symlink(run, folder / "link");
  fs::create_symlink(run / "model.pt", folder / "link.pt");
  const auto convert = [&](const fs::path& out, const std::string& says) {
    expect_refused(folder, {"convert", run, out}, says);
  };
  const std::string belongs = ": belongs to the run in " + run.string();
  convert(run / "model.pt", belongs + "; write to another name, such as " +
                                (folder / "run-model.pt").string() + "\n");
  convert(folder / "link/model.pt", belongs);
  convert(run / "samples/../model.pt", belongs);
  convert(folder / "link.pt", belongs);
  convert(run / "checkpoints/step-5.pt", belongs);
  convert(run / "checkpoints/step-99.pt", belongs);
  convert(run / "checkpoints", belongs);
  convert(run, "; write to another name, such as " + (folder / "run-2").string() + "\n");
  convert(folder / "link", "; write to another name, such as " + (folder / "link-2").string());
  expect_refused(folder, {"convert", run / "model.pt", run}, ": is the folder of a run");
}

TEST(Outputs, OfConvertAreNoInputs) {
  const fs::path folder =
      folder_of("convert_input", {"a.pt", "pipe/unet/config.json", "pipe/scheduler/x",
                                  "flat/config.json", "flat/x.safetensors", "mine/config.json"});
  fs::create_hard_link(folder / "a.pt", folder / "b.pt");
  const auto convert = [&](const char* in, const char* out, const std::string& says) {
    expect_refused(folder, {"convert", folder / in, folder / out}, says);
  };
  convert("a.pt", "a.pt",
          ": is the input itself; write to another name, such as " + (folder / "a-2.pt").string() +
              "\n");
  convert("a.pt", "b.pt", ": is the input itself");
  convert("pipe", "pipe", ": is the input itself");
  convert("pipe", "pipe/unet", ": is the input itself");
  convert("flat/x.safetensors", "flat", ": is the input itself");
  convert("a.pt", "mine", ": contains a config.json that is not from diffusers");
  convert("a.pt", "pipe",
          ": contains a pipeline (unet), whose network would be read instead; write to another "
          "folder, such as " +
              (folder / "pipe-2").string() + "\n");
}

TEST(Outputs, OfConvertAreCheckpointsOrFolders) {
  const fs::path folder = folder_of("convert_names", {"a.pt", "README.md", "b.pt/x"});
  const std::string wanted =
      ": expected a name ending in .pt for a checkpoint, or a folder for diffusers' files";
  const auto convert = [&](const char* out, const std::string& says) {
    expect_refused(folder, {"convert", folder / "a.pt", folder / out}, says);
  };
  for (const char* const out : {"x.onnx", "x.zip", "x.h5", "x.tar.gz", "x.npz", "x.safetensors"})
    convert(out, out + wanted + "\n");
  convert("README.md", "README.md" + wanted + "; this is a file that does not end in .pt\n");
  convert("b.pt", "b.pt" + wanted + "; this is a folder that ends in .pt\n");
}

// "" is what an unset variable of a shell leaves, and "-" would be a file of that name.
TEST(Outputs, HaveNames) {
  const fs::path folder = folder_of("nameless", {"c.json", "f.pt"});
  const std::string c = folder / "c.json", f = folder / "f.pt";
  const std::string empty = ": expected a path, got an empty text";
  expect_refused(folder, {"convert", f, ""}, "out" + empty);
  expect_refused(folder, {"sample", "--ckpt", f, "-o", ""}, "--out" + empty);
  expect_refused(folder, {"eval", "--ckpt", f, "--json", ""}, "--json" + empty);
  expect_refused(folder, {"bench", "samplers", "--ckpt", f, "--plot", ""}, "--plot" + empty);
  const std::string dash = " -: expected a name; only --json takes - for stdout";
  expect_refused(folder, {"sample", "--ckpt", f, "-o", "-"}, "-o" + dash);
  expect_refused(folder, {"schedule", "--config", c, "--csv", "-"}, "--csv" + dash);
}

TEST(Outputs, MayBeDevices) {
  EXPECT_EQ(run_program({"schedule", "--kind", "cosine", "--csv", "/dev/null"}).exit_code, 0);
  EXPECT_EQ(run_program({"schedule", "--kind", "cosine", "--json", "/dev/full"}).exit_code, 1);
}

TEST(Outputs, AreNoInputsOfAnyCommand) {
  const fs::path folder =
      folder_of("inputs", {"a.npy", "c.json", "f.pt", "run/config.json", "run/metrics.jsonl"});
  const std::string a = folder / "a.npy", c = folder / "c.json", f = folder / "f.pt";
  const auto refused = [&](const std::vector<std::string>& arguments, const std::string& says) {
    expect_refused(folder, arguments, says);
  };
  const std::string two = " reads; write to another name, such as " + (folder / "a-2.npy").string();
  refused({"sample", "--ckpt", f, "--noise", a, "-o", a}, "-o " + a + ": is what --noise" + two);
  refused({"encode", "--ckpt", f, "--image", a, "-o", a}, "--image" + two);
  refused({"inpaint", "--ckpt", f, "--image", a, "--mask", c, "-o", a}, "--image" + two);
  refused({"denoise", "--ckpt", f, "--clean", a, "-o", a}, "--clean" + two);
  refused({"interpolate", "--ckpt", f, "--from", c, "--to", a, "-o", a}, "--to" + two);
  refused({"data", "inspect", a, "--json", a}, "--json " + a + ": is what source" + two);
  refused({"eval", "--ckpt", c, "--json", c}, "--json " + c + ": is what --ckpt reads");
  refused({"eval", "--ckpt", c, "--metrics", "bpd,fid", "--features", f, "--csv", f},
          "--csv " + f + ": is what --features");
  refused({"schedule", "--config", c, "--csv", c}, "--csv " + c + ": is what --config reads");
  refused({"eval", "--ckpt", f, "--json", a, "--csv", a}, "--csv " + a + ": is what --json writes");
}

TEST(Outputs, AreNoFilesOfARun) {
  const fs::path folder = folder_of("run_files", kRun);
  const fs::path run = folder / "run";
  const std::string belongs = ": belongs to the run in ";
  expect_refused(folder, {"plot", run, "--csv", run / "metrics.jsonl"}, belongs);
  expect_refused(folder, {"sample", "--ckpt", run, "-o", run / "samples/step-5.png"}, belongs);
  expect_refused(folder, {"report", run, "-o", run / "config.json"}, belongs);
  expect_refused(folder, {"eval", "--ckpt", run, "--json", run / "config.json"}, belongs);
  expect_refused(folder, {"verify", "--json", run / "model.pt"}, belongs);
}

// The model is not there: what is refused first is the output.
TEST(Outputs, AreCheckedBeforeAnythingIsRead) {
  const fs::path folder = folder_of("unwritable", {"file"});
  fs::create_directories(folder / "folder.png");
  const std::string bad = folder / "file/x", no = folder / "none.pt";
  const auto refused = [&](std::vector<std::string> arguments, const std::string& flag,
                           const std::string& ending) {
    arguments.insert(arguments.end(), {flag, bad + ending});
    const std::string says = flag + " " + bad + ending + ": cannot write: Not a directory\n";
    expect_refused(folder, arguments, says);
  };
  const std::vector<std::string> eval{"eval", "--ckpt", no, "--metrics", "bpd,fid,neighbours"};
  for (const char* const flag : {"--json", "--csv", "--save-reference"}) refused(eval, flag, "");
  refused(eval, "--neighbour-picture", ".png");
  refused(eval, "--plot", ".svg");
  for (const char* const out : {"", ".png", ".npz"}) refused({"sample", "--ckpt", no}, "-o", out);
  refused({"encode", "--ckpt", no, "--image", no}, "-o", ".npy");
  refused({"inpaint", "--ckpt", no, "--image", no, "--mask", no}, "--strip", ".png");
  refused({"denoise", "--ckpt", no}, "--json", ".json");
  refused({"interpolate", "--ckpt", no, "--from", no, "--to", no}, "-o", ".png");
  refused({"bench", "samplers", "--ckpt", no}, "--plot", ".svg");
  refused({"bench", "--config", no}, "--profile", ".json");
  refused({"forward", "--config", no}, "-o", ".gif");
  refused({"schedule", "--config", no}, "--csv", ".csv");
  refused({"data", "inspect", no}, "-o", ".png");
  refused({"plot", no}, "--csv", ".csv");
  refused({"report", no}, "-o", ".html");
  refused({"verify"}, "--json", ".json");
  expect_refused(folder, {"sample", "--ckpt", no, "-o", folder / "folder.png"}, "it is a folder");
  expect_refused(folder, {"sample", "--ckpt", no, "-o", folder / "new/x.png"},
                 "no such checkpoint");
}

TEST(Outputs, OfTrainAreNoFoldersOfOthers) {
  const fs::path folder =
      folder_of("train_out", {"pictures/a.jpg", "other/config.json", "begun/checkpoints"});
  const fs::path place = scratch("train_config");
  write_file(place / "c.json", R"({"data": {"type": "image_folder", "path": ")" +
                                   (folder / "pictures").string() + "\"}}");
  const auto refused = [&](const char* out, const std::string& says) {
    expect_refused(folder, {"train", "--config", place / "c.json", "--out", folder / out}, says);
  };
  refused("pictures", ": is the folder of /data/path");
  refused("other", ": contains a config.json that is not from a run");
  refused("begun", "begun/checkpoints: cannot write: Not a directory");
  refused("pictures/a.jpg/run", "a.jpg/run: cannot write: Not a directory");
}

}  // namespace
}  // namespace diffuse::testing_cli
