// diffuse denoise: take noise of known or estimated strength out of an image.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "diffuse/core/log.h"
#include "diffuse/files/atomic_write.h"
#include "diffuse/sample/denoise.h"
#include "edit_common.h"
#include "edit_input.h"
#include "outputs.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct DenoiseFlags {
  EditFlags edit{.out = "denoised.png"};
  fs::path image, clean, json;
  std::optional<double> sigma;
  std::string mode = "x0";
};

// Decibels below the range of values, 2, of the error of x [B, ...]; images clamped as 8 bits are.
double psnr(const at::Tensor& x, const at::Tensor& clean, bool is_image) {
  const at::Tensor shown = is_image ? x.clamp(-1, 1) : x;
  return 10 * std::log10(4 / (shown - clean).square().mean().item<double>());
}

// The noisy samples: given, or made from the clean ones.
at::Tensor noisy_samples(const DenoiseFlags& flags, const Editor& editor, const at::Tensor& clean) {
  if (!flags.image.empty()) {
    at::Tensor noisy = load_samples("--image", flags.image, editor.model);
    const double noise = 8 * std::max(0.0, flags.sigma.value_or(2));  // above 2 it is other units
    check_range("--image", flags.image, noisy, largest_number(editor.model, editor.config) + noise);
    if (clean.defined() && clean.size(0) != noisy.size(0))
      throw Error("--clean: expected ", noisy.size(0), " samples as in --image, got ",
                  clean.size(0));
    return noisy;
  }
  if (!clean.defined()) throw Error("diffuse denoise: expected --image, --clean or both");
  if (!flags.sigma) throw Error("--clean alone: expected --sigma, the noise to add to it");
  const auto keys = consecutive_keys(flags.edit.seed, 0, clean.size(0));
  return clean + normal_rows(keys, Purpose::kForward, 0, editor.shape()) * *flags.sigma;
}

double sigma_of(const DenoiseFlags& flags, const Editor& editor, const at::Tensor& noisy) {
  if (flags.sigma) return *flags.sigma;
  if (!editor.model.is_image())
    throw Error("--sigma: expected for points; only the noise of images can be estimated");
  double sum = 0;
  for (int64_t i = 0; i < noisy.size(0); ++i) sum += estimate_sigma(noisy[i]);
  const double sigma = sum / static_cast<double>(noisy.size(0));
  if (sigma == 0)
    throw Error("--image ", flags.image.string(), ": no noise found in it; give --sigma");
  return sigma;
}

at::Tensor denoised(const DenoiseFlags& flags, const Editor& editor, const at::Tensor& noisy,
                    double sigma) {
  const c10::InferenceMode inference;
  const int64_t rows = noisy.size(0);
  if (flags.mode == "x0")
    return denoise_at_once(
               editor.diffusion,
               make_denoiser(*editor.model.network, editor.diffusion, editor.options(rows)),
               noisy.to(editor.device), sigma, editor.sampler.clip_x0)
        .cpu();
  const int64_t t = nearest_timestep(editor.schedule(), sigma);
  GenerateOptions options = editor.options_from(t, rows);
  options.start = noisy * std::sqrt(editor.schedule().alpha_bar()[t].item<double>());
  const auto keys = consecutive_keys(flags.edit.seed, 0, rows);
  return generate(*editor.model.network, editor.diffusion, keys, options).cpu();
}

int run_denoise(const CLI::App& command, const DenoiseFlags& flags) {
  check_outputs({{"-o", flags.edit.out, flags.edit.out.extension().empty()},
                 {"--strip", flags.edit.strip},
                 {"--json", flags.json}},
                {{"--ckpt", flags.edit.model.checkpoint},
                 {"--image", flags.image},
                 {"--clean", flags.clean}});
  const Editor editor = Editor::open(command, flags.edit);
  at::Tensor clean;
  if (!flags.clean.empty()) {
    clean = load_samples("--clean", flags.clean, editor.model);
    check_range("--clean", flags.clean, clean, largest_number(editor.model, editor.config));
  }
  const at::Tensor noisy = noisy_samples(flags, editor, clean);
  const double sigma = sigma_of(flags, editor, noisy);
  nlohmann::ordered_json figures{{"sigma", sigma},
                                 {"sigma_estimated", !flags.sigma.has_value()},
                                 {"timestep", nearest_timestep(editor.schedule(), sigma)},
                                 {"mode", flags.mode}};
  SampleOutput output = open_output(command, flags.edit, editor, noisy.size(0));
  const at::Tensor result = denoised(flags, editor, noisy, sigma);
  if (clean.defined()) {
    figures["psnr_noisy"] = psnr(noisy, clean, editor.model.is_image());
    figures["psnr"] = psnr(result, clean, editor.model.is_image());
  }
  output.add(0, result);
  output.finish();
  std::vector<Captioned> strip{{"noisy", noisy[0]}, {"denoised", result[0]}};
  if (clean.defined()) strip.emplace_back("clean", clean[0]);
  write_strip(flags.edit.strip, strip);
  write_report(flags.json, figures, [&] {
    std::cout << flags.edit.out.string() << "\n"
              << "sigma " << sigma << (flags.sigma ? "" : " (estimated)") << ", timestep "
              << figures["timestep"] << "\n";
    if (clean.defined())
      std::cout << "PSNR " << figures["psnr_noisy"].get<double>() << " dB noisy, "
                << figures["psnr"].get<double>() << " dB denoised\n";
  });
  return kGood;
}

}  // namespace

Command add_denoise(CLI::App& app) {
  auto flags = std::make_shared<DenoiseFlags>();
  CLI::App* command = app.add_subcommand("denoise", "Take noise out of an image");
  command->footer(
      "Pixels count from -1 to 1 here: noise of 25 grey levels out of 255 is --sigma 0.196.\n"
      "With --clean alone, noise of --sigma is added to it first, to see what comes back.\n"
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
                      "Write sigma, timestep, psnr_noisy and psnr here; - is stdout");
  return [command, flags] { return run_denoise(*command, *flags); };
}

}  // namespace diffuse::cli
