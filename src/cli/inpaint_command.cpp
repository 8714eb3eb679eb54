// diffuse inpaint: fill in the masked part of an image.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <cmath>

#include "commands.h"
#include "diffuse/sample/inpaint.h"
#include "edit_common.h"
#include "src/core/log.h"
#include "src/core/progress.h"
#include "src/core/whole_number.h"
#include "src/data/normalization.h"
#include "src/model_file/mask.h"
#include "src/model_file/sample_input.h"
#include "src/train/outputs.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct InpaintFlags {
  EditFlags edit{.out = "inpainted.png"};
  fs::path image, mask;
  std::string repaint;
  int64_t feather = 0, count = 1, batch = 64;
};

// The mask, faded in from its edge. Throws if the fade leaves less than half of it.
at::Tensor feathered(const at::Tensor& mask, const InpaintFlags& flags, const Model& model) {
  if (flags.feather == 0) return mask;
  if (!model.is_image())
    throw Error("--feather: expected a model of images, got one of ", kind_of(model));
  const at::Tensor faded = feather(mask, flags.feather);
  const double most = faded.max().item<double>();
  if (most < 0.5 * mask.max().item<double>())
    throw Error("--feather ", flags.feather, ": wider than the painted part, of which at most ",
                std::lround(most * 100), " % would be new; expected fewer pixels");
  return faded;
}

// "10,10" -> jump and passes.
void parse_repaint(const std::string& text, InpaintOptions& options) {
  const auto steps = static_cast<int64_t>(options.sampler.timesteps.size());
  const size_t comma = std::min(text.find(','), text.size());
  const auto number = [](const std::string& part) { return parse_integer(part).value_or(0); };
  options.jump = number(text.substr(0, comma));
  options.passes = comma == text.size() ? 0 : number(text.substr(comma + 1));
  if (options.jump < 1 || options.passes < 1)
    throw Error("--repaint: expected JUMP,PASSES, both at least 1, such as 10,10, got \"", text,
                "\"");
  if (options.jump >= steps)
    throw Error("--repaint: expected a jump below the ", steps, " steps, got ", options.jump);
}

// Image and results in the data's units; pixels that are not painted are unchanged, bit for bit.
at::Tensor paint(const InpaintFlags& flags, const Model& model, const Sampling& sampling,
                 const at::Tensor& image, const at::Tensor& mask, const InpaintOptions& options) {
  const c10::InferenceMode inference;
  const at::Tensor known = model.to_network(image).to(model.device());
  Progress progress({.unit = "image", .total = flags.count});
  std::vector<at::Tensor> results;
  for (int64_t begin = 0; begin < flags.count; begin += flags.batch) {
    const int64_t rows = std::min(flags.batch, flags.count - begin);
    const auto keys = consecutive_keys(flags.edit.seed, begin, rows);
    const GenerateOptions chosen = sampling.rows(rows, begin);
    const auto noise = [&](Purpose purpose) { return keyed_noise(keys, purpose, chosen); };
    const at::Tensor x = inpaint(
        model.diffusion(), model.denoiser(chosen),
        start_of(model.diffusion(), chosen.sampler, noise(Purpose::kSampleStart)(0)), known,
        mask.to(model.device()), options, {noise(Purpose::kSampleStep), noise(Purpose::kKnownPart)},
        [&](const SampleStep& step) {
          progress.update(begin, concat("move ", step.done, "/", step.count));
        });
    results.push_back(at::where(mask == 0, image, model.to_data(x.cpu())));
    progress.update(begin + rows);
  }
  progress.finish();
  return at::cat(results);
}

// The image, the image with the part to paint in grey, and the first results.
std::vector<Captioned> strip_of(const at::Tensor& image, const at::Tensor& mask,
                                const at::Tensor& painted, const DataConfig& data) {
  const auto [low, high] = picture_range(data);
  const at::Tensor grey = at::full({}, (low + high) / 2, image.options());
  std::vector<Captioned> strip{{"image", tile(image, data)},
                               {"to paint", tile(at::where(mask > 0, grey, image), data)}};
  for (const at::Tensor& one : painted.slice(0, 0, 6).split(1))
    strip.emplace_back(strip.size() == 2 ? "painted" : "", tile(one, data));
  return strip;
}

int run_inpaint(const CLI::App& command, const InpaintFlags& flags) {
  check_outputs(
      {{"-o", flags.edit.out, flags.edit.out.extension().empty()}, {"--strip", flags.edit.strip}},
      {{"--ckpt", flags.edit.model.checkpoint}, {"--image", flags.image}, {"--mask", flags.mask}});
  const auto [model, sampling] = open_model(flags.edit);
  const at::Tensor image = load_sample("--image", flags.image, model, sampling.config);
  const at::Tensor mask = feathered(load_mask(flags.mask, model), flags, model);
  InpaintOptions options{.sampler = sampling.options.sampler};
  if (!flags.repaint.empty()) parse_repaint(flags.repaint, options);
  const OutputOptions output =
      plan_output(command, flags.edit, model, sampling.config, flags.count);
  const at::Tensor painted = paint(flags, model, sampling, image, mask, options);
  write_output(output, painted);
  if (!flags.edit.strip.empty())
    write_strip(flags.edit.strip, strip_of(image, mask, painted, model.config().data));
  print_path(flags.edit.out);
  return kGood;
}

}  // namespace

Command add_inpaint(CLI::App& app) {
  auto flags = std::make_shared<InpaintFlags>();
  CLI::App* command = app.add_subcommand("inpaint", "Fill in the masked part of an image");
  command->footer(
      "White in the mask is painted, black is kept bit for bit; grey is painted and then mixed\n"
      "with the image. White is 1, 255, or 65535 in 16 bits. In a mask with transparency, white "
      "on\n"
      "transparent is painted, or the transparent holes in black. The model need not have been\n"
      "trained for it.\n"
      "Examples:\n"
      "  diffuse inpaint --ckpt runs/shapes --image shape.png --mask mask.png -o whole.png\n"
      "  diffuse inpaint --ckpt runs/shapes --image shape.png --mask mask.png --repaint 10,10\n"
      "  diffuse inpaint --ckpt runs/shapes --image shape.png --mask mask.png -n 16 -o ideas");
  // As in RePaint; the model's own may add no noise.
  flags->edit.sampler.usual_sampler = SamplerKind::kDdpm;
  flags->edit.add_to(*command);
  flags->edit.add_strip_to(*command);
  command->add_option("--image", flags->image, "A picture of the model's size, or .npy")
      ->required();
  command->add_option("--mask", flags->mask, "Image of the same size: white = painted; or .npy")
      ->required();
  command->add_option(
      "--repaint", flags->repaint,
      "JUMP,PASSES: RePaint's jump_length and jump_n_sample, 10,10 there: re-noise JUMP "
      "steps so that each is taken PASSES times; slower, fits better");
  command
      ->add_option("--feather", flags->feather,
                   "Fade in over this many pixels, inside the painted part")
      ->check(CLI::Range(0, 1000));
  command->add_option("-n", flags->count, "Number of different results; default 1")
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--batch", flags->batch, "Images computed at once; does not change them")
      ->check(CLI::Range(1, 1'000'000));
  return [command, flags] { return run_inpaint(*command, *flags); };
}

}  // namespace diffuse::cli
