// diffuse denoise: remove noise of known or estimated standard deviation from an image.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "diffuse/sample/denoise.h"
#include "edit_common.h"
#include "src/files/atomic_write.h"
#include "src/model_file/sample_input.h"
#include "src/train/outputs.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct DenoiseFlags {
  EditFlags edit{.out = "denoised.png"};
  fs::path image, clean, json;
  std::optional<double> sigma;
  std::string mode = "x0";
};

// Inputs, [B, ...] in the network's units, where all of a sample's numbers have one scale.
struct Samples {
  at::Tensor clean, noisy;
};

at::Tensor load(const char* flag, const fs::path& file, const Model& model, double limit) {
  const at::Tensor x = load_samples(flag, file, model);
  check_range(flag, file, x, model, limit);
  return model.to_network(x);
}

// The noisy samples are read, or made from the clean ones. sigma: --sigma in the network's units.
Samples open_samples(const DenoiseFlags& flags, const Model& model, const SampleConfig& config,
                     std::optional<double> sigma) {
  const double limit = largest_number(model, config);
  Samples samples;
  if (!flags.clean.empty()) samples.clean = load("--clean", flags.clean, model, limit);
  if (!flags.image.empty()) {
    const double noise = 8 * std::max(0.0, sigma.value_or(2));  // above 2: probably other units
    samples.noisy = load("--image", flags.image, model, limit + noise);
    if (samples.clean.defined() && samples.clean.size(0) != samples.noisy.size(0))
      throw Error("--clean: expected ", samples.noisy.size(0), " samples as in --image, got ",
                  samples.clean.size(0));
    return samples;
  }
  if (!samples.clean.defined()) throw Error("diffuse denoise: expected --image, --clean or both");
  if (!sigma) throw Error("--clean alone: expected --sigma, the noise to add to it");
  const auto keys = consecutive_keys(flags.edit.seed, 0, samples.clean.size(0));
  samples.noisy =
      samples.clean + normal_rows(keys, Purpose::kForward, 0, model.sample_shape()) * *sigma;
  return samples;
}

double estimated_sigma(const DenoiseFlags& flags, const Model& model, const at::Tensor& noisy) {
  if (!model.is_image())
    throw Error("--sigma: expected for points; only the noise of images can be estimated");
  const double sigma = mean_noise(noisy);
  if (sigma == 0)
    throw Error("--image ", flags.image.string(), ": no noise found in it; give --sigma");
  return sigma;
}

int run_denoise(const CLI::App& command, const DenoiseFlags& flags) {
  check_outputs({{"-o", flags.edit.out, flags.edit.out.extension().empty()},
                 {"--strip", flags.edit.strip},
                 {"--json", flags.json}},
                {{"--ckpt", flags.edit.model.checkpoint},
                 {"--image", flags.image},
                 {"--clean", flags.clean}});
  const auto opened = open_model(flags.edit);
  const Model& model = opened.first;
  const Sampling& sampling = opened.second;
  const double scale = noise_unit(model);
  std::optional<double> sigma;  // in the network's units
  if (flags.sigma) sigma = *flags.sigma / scale;
  const Samples samples = open_samples(flags, model, sampling.config, sigma);
  const at::Tensor &clean = samples.clean, &noisy = samples.noisy;
  if (!sigma) sigma = estimated_sigma(flags, model, noisy);
  const bool chain = model.config().diffusion.is_chain();
  const char* const time = chain ? "timestep" : "time";
  nlohmann::ordered_json figures{{"sigma", *sigma * scale},
                                 {"sigma_estimated", !flags.sigma.has_value()},
                                 {time, time_of_noise(model.diffusion().process(), *sigma)},
                                 {"mode", flags.mode}};
  if (chain) figures[time] = figures[time].get<int64_t>();
  const OutputOptions output =
      plan_output(command, flags.edit, model, sampling.config, noisy.size(0));
  const at::Tensor result =
      denoise(model, sampling, noisy, *sigma,
              flags.mode == "x0" ? Denoising::kExpected : Denoising::kReverse, flags.edit.seed);
  if (clean.defined()) {
    figures["psnr_noisy"] = psnr(noisy, clean, model.is_image());
    figures["psnr"] = psnr(result, clean, model.is_image());
  }
  write_output(output, model.to_data(result));
  if (!flags.edit.strip.empty()) {
    const auto shown = [&](const at::Tensor& x) {
      return tile(model.to_data(x.slice(0, 0, 1)), model.config().data);
    };
    std::vector<Captioned> strip{{"noisy", shown(noisy)}, {"denoised", shown(result)}};
    if (clean.defined()) strip.emplace_back("clean", shown(clean));
    write_strip(flags.edit.strip, strip);
  }
  write_report(flags.json, figures, [&] {
    std::cout << flags.edit.out.string() << "\n"
              << "sigma " << *sigma * scale << (flags.sigma ? "" : " (estimated)") << ", " << time
              << " " << figures[time] << "\n";
    if (clean.defined())
      std::cout << "PSNR " << figures["psnr_noisy"].get<double>() << " dB noisy, "
                << figures["psnr"].get<double>() << " dB denoised\n";
  });
  return kGood;
}

}  // namespace

Command add_denoise(CLI::App& app) {
  auto flags = std::make_shared<DenoiseFlags>();
  CLI::App* command = app.add_subcommand("denoise", "Remove noise from an image");
  command->footer(
      "Pixels are from -1 to 1: noise of 25 grey levels out of 255 is --sigma 0.196. For "
      "data\n"
      "with data.range, sigma is in their units; for normalised data, in standard deviations of "
      "each\n"
      "channel if these differ.\n"
      "With --clean alone, noise of --sigma is added to it first, to measure the denoising.\n"
      "Examples:\n"
      "  diffuse denoise --ckpt runs/shapes --image noisy.png\n"
      "  diffuse denoise --ckpt runs/shapes --image noisy.png --sigma 0.2 --mode reverse\n"
      "  diffuse denoise --ckpt runs/shapes --clean shape.png --sigma 0.3 --strip strip.png");
  flags->edit.add_to(*command);
  flags->edit.add_strip_to(*command);
  command->add_option("--image", flags->image, "A picture of the model's size, or .npy");
  command->add_option("--sigma", flags->sigma,
                      "Standard deviation of the noise, pixels from -1 to 1; default: estimated");
  command
      ->add_option("--mode", flags->mode,
                   "x0: the expected image, in one shot; reverse: one likely image, step by step")
      ->check(CLI::IsMember({"x0", "reverse"}));
  command->add_option("--clean", flags->clean, "The image without noise, to report the PSNR");
  command->add_option("--json", flags->json,
                      "Write sigma, timestep (or time), psnr_noisy and psnr here; - is stdout");
  return [command, flags] { return run_denoise(*command, *flags); };
}

}  // namespace diffuse::cli
