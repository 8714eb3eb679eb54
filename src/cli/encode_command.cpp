// diffuse encode: samples -> the x_T from which ddim generates them.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "commands.h"
#include "common.h"
#include "diffuse/core/error.h"
#include "diffuse/sample/encode.h"
#include "sampler_flags.h"
#include "src/arrays/array_file.h"
#include "src/core/progress.h"
#include "src/files/file.h"
#include "src/model_file/sample_input.h"
#include "src/sample/class_choice.h"
#include "src/train/outputs.h"

namespace diffuse::cli {

namespace {

struct EncodeFlags {
  ModelFlags model;
  std::filesystem::path image, out = "x_T.npy";
  SamplerFlags sampler;
  int64_t passes = 1, batch = 64;
  std::optional<std::string> class_name;
  bool check = false;
  MachineFlags machine;
};

Sampling sampling_of(const EncodeFlags& flags, const Model& model) {
  if (ending_of(flags.out) != ".npy")
    throw Error("-o ", flags.out.string(), ": expected a name ending in .npy");
  if (flags.passes < 1) throw Error("--passes: expected at least 1, got ", flags.passes);
  if (flags.batch < 1) throw Error("--batch: expected at least 1, got ", flags.batch);
  SamplerFlags ddim = flags.sampler;
  for (const auto& [key, value] : {std::pair("sampler", "ddim"),
                                   {"eta", "0"},
                                   {"clip_x0", "false"},  // clamping cannot be inverted
                                   {"dynamic_threshold", "0"}})
    ddim.values.push_back({"encode", concat("sample.", key), value});
  Sampling sampling = ddim.over(model);
  if (flags.class_name) sampling.classes = parse_classes(*flags.class_name, model.config().model);
  return sampling;
}

int run_encode(const EncodeFlags& flags) {
  const c10::Device device = flags.machine.apply();
  check_outputs({{"-o", flags.out}},
                {{"--ckpt", flags.model.checkpoint}, {"--image", flags.image}});
  const Model model = flags.model.load(device);
  const Sampling sampling = sampling_of(flags, model);
  const at::Tensor samples = load_samples("--image", flags.image, model);
  // Samples drawn without clipping may be encoded again.
  check_range("--image", flags.image, samples, model,
              2 * largest_number(model, model.config().sample));
  const c10::InferenceMode inference;
  const int64_t total = samples.size(0);
  Progress progress({.unit = "sample", .total = total});
  std::vector<at::Tensor> noises;
  double error = 0;
  for (int64_t begin = 0; begin < total; begin += flags.batch) {
    const at::Tensor x0 =
        model.to_network(samples.slice(0, begin, std::min(begin + flags.batch, total)));
    const GenerateOptions options = sampling.rows(x0.size(0), begin);
    noises.push_back(encode(model.diffusion(), model.denoiser(options), x0.to(device),
                            options.sampler.timesteps, flags.passes)
                         .cpu());
    if (flags.check)
      error +=
          round_trip_error(model, x0, noises.back(), options) * static_cast<double>(x0.size(0));
    progress.update(begin + x0.size(0));
  }
  progress.finish();
  write_npy(flags.out, at::cat(noises));
  print_path(flags.out);
  if (flags.check)
    std::printf("reconstruction error, MSE per dimension on [0, 1]: %.6g\n",
                error / static_cast<double>(total));
  return kGood;
}

}  // namespace

Command add_encode(CLI::App& app) {
  auto flags = std::make_shared<EncodeFlags>();
  CLI::App* command =
      app.add_subcommand("encode", "Find the x_T from which ddim generates given samples");
  command->footer(
      "Inverts ddim with eta 0. Decode with the same steps and spacing, without clipping. x_T is "
      "noise\n"
      "of mean 0 and standard deviation 1, whatever the units of the data.\n"
      "Examples:\n"
      "  diffuse encode --ckpt model.pt --image digit.png -o x_T.npy --steps 100 --check\n"
      "  diffuse sample --ckpt model.pt --noise x_T.npy --sampler ddim --eta 0 --steps 100 "
      "--no-clip");
  flags->model.add_to(*command);
  command->add_option("--image", flags->image, "A picture, or .npy of one or more samples")
      ->required();
  command->add_option("-o,--out", flags->out, "x_T as a float32 .npy");
  flags->sampler.add_field(*command, "--steps", "steps", "Steps, 1 .. T")->type_name("INT");
  flags->sampler.add_field(*command, "--spacing", "spacing", join(words_of<Spacing>()));
  command->add_option("--timesteps", flags->sampler.timesteps,
                      "Explicit timesteps: 999,749,499,249");
  command->add_option("--passes", flags->passes,
                      "Network calls per step: more reconstruct more closely");
  command->add_option("--class", flags->class_name, kClassHelp);
  command->add_option("--batch", flags->batch, "Samples computed at once");
  command->add_flag("--check", flags->check, "Decode as well, and print the error");
  flags->machine.add_to(*command);
  return [flags] { return run_encode(*flags); };
}

}  // namespace diffuse::cli
