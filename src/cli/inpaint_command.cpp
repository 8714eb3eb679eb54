// diffuse inpaint: fill in the masked part of an image.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <charconv>
#include <iostream>

#include "commands.h"
#include "diffuse/core/log.h"
#include "diffuse/core/progress.h"
#include "diffuse/io/array_file.h"
#include "diffuse/sample/inpaint.h"
#include "edit_common.h"
#include "outputs.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct InpaintFlags {
  EditFlags edit{.out = "inpainted.png"};
  fs::path image, mask;
  std::string repaint;
  int64_t feather = 0, count = 1, batch = 64;
};

// A picture, white = 1, or float32 .npy in 0 .. 1 -> [1, 1, H, W], or [1, D] for points.
at::Tensor load_mask(const fs::path& file, const Model& model) {
  const std::string name = "--mask " + file.string();
  const auto& shape = model.config.model.sample_shape;
  const std::vector<int64_t> wanted(shape.begin() + (model.is_image() ? 1 : 0), shape.end());
  at::Tensor mask;
  if (file.extension() == ".npy") {
    mask = read_npy(file);
    if (mask.scalar_type() != at::kFloat || !((mask >= 0) & (mask <= 1)).all().item<bool>())
      throw Error(name, ": expected float32 from 0 to 1");
  } else {
    const Image image = read_image(file, 1);
    mask =
        at::tensor(at::ArrayRef<uint8_t>(image.pixels)).view({image.height, image.width}) / 255.0;
  }
  if (mask.sizes() != at::IntArrayRef(wanted))
    throw Error(name, ": the mask is ", mask.sizes(), "; the image is ", at::IntArrayRef(wanted),
                " (rows, columns)");
  if (!(mask > 0).any().item<bool>())
    throw Error(name, ": all black, so there is nothing to paint; white is what is painted");
  return model.is_image() ? mask.unsqueeze(0).unsqueeze(0) : mask.unsqueeze(0);
}

// "10,10" -> jump and passes.
void parse_repaint(const std::string& text, InpaintOptions& options) {
  const auto steps = static_cast<int64_t>(options.sampler.timesteps.size());
  const size_t comma = std::min(text.find(','), text.size());
  const auto number = [&](size_t begin, size_t end, int64_t& value) {
    const auto [stop, failure] = std::from_chars(text.data() + begin, text.data() + end, value);
    return failure == std::errc{} && stop == text.data() + end && value >= 1;
  };
  if (comma == text.size() || !number(0, comma, options.jump) ||
      !number(comma + 1, text.size(), options.passes))
    throw Error("--repaint: expected JUMP,PASSES, both at least 1, such as 10,10, got \"", text,
                "\"");
  if (options.jump >= steps)
    throw Error("--repaint: expected a jump below the ", steps, " steps, got ", options.jump);
}

at::Tensor paint(const InpaintFlags& flags, const Editor& editor, const at::Tensor& image,
                 const at::Tensor& mask, const InpaintOptions& options) {
  const c10::InferenceMode inference;
  Progress progress({.unit = "image", .total = flags.count});
  std::vector<at::Tensor> results;
  for (int64_t begin = 0; begin < flags.count; begin += flags.batch) {
    const int64_t rows = std::min(flags.batch, flags.count - begin);
    const auto keys = consecutive_keys(flags.edit.seed, begin, rows);
    const GenerateOptions chosen = editor.options(rows);
    const auto noise = [&](Purpose purpose) { return keyed_noise(keys, purpose, chosen); };
    const Denoiser denoiser = make_denoiser(*editor.model.network, editor.diffusion, chosen);
    results.push_back(inpaint(editor.diffusion, denoiser, noise(Purpose::kSampleStart)(0),
                              image.to(editor.device), mask.to(editor.device), options,
                              {noise(Purpose::kSampleStep), noise(Purpose::kKnownPart)},
                              [&](const SampleStep& step) {
                                progress.update(begin, concat("move ", step.done, "/", step.count));
                              })
                          .cpu());
    progress.update(begin + rows);
  }
  progress.finish();
  return at::cat(results);
}

int run_inpaint(const CLI::App& command, const InpaintFlags& flags) {
  check_outputs(
      {{"-o", flags.edit.out, flags.edit.out.extension().empty()}, {"--strip", flags.edit.strip}},
      {{"--ckpt", flags.edit.model.checkpoint}, {"--image", flags.image}, {"--mask", flags.mask}});
  const Editor editor = Editor::open(flags.edit);
  const at::Tensor image = load_sample("--image", flags.image, editor.model);
  at::Tensor mask = load_mask(flags.mask, editor.model);
  if (flags.feather > 0 && !editor.model.is_image())
    throw Error("--feather: this model makes points, which have no neighbours");
  mask = feather(mask, flags.feather);
  InpaintOptions options{.sampler = editor.sampler};
  if (!flags.repaint.empty()) parse_repaint(flags.repaint, options);
  SampleOutput output = open_output(command, flags.edit, editor, flags.count);
  const at::Tensor painted = paint(flags, editor, image, mask, options);
  output.add(0, painted);
  output.finish();
  std::vector<Captioned> strip{{"image", image[0]},
                               {"to paint", at::where(mask[0] > 0, at::zeros({}), image[0])}};
  for (int64_t i = 0; i < std::min<int64_t>(painted.size(0), 6); ++i)
    strip.emplace_back(i == 0 ? "painted" : "", painted[i]);
  write_strip(flags.edit.strip, strip);
  std::cout << flags.edit.out.string() << "\n";
  return kGood;
}

}  // namespace

Command add_inpaint(CLI::App& app) {
  auto flags = std::make_shared<InpaintFlags>();
  CLI::App* command = app.add_subcommand("inpaint", "Fill in the masked part of an image");
  command->footer(
      "White in the mask is painted, black is kept bit for bit; greys are painted and then mixed\n"
      "with what was there. The model need not have been trained for it.\n"
      "Examples:\n"
      "  diffuse inpaint --ckpt runs/shapes --image shape.png --mask mask.png -o whole.png\n"
      "  diffuse inpaint --ckpt runs/shapes --image shape.png --mask mask.png --repaint 10,10\n"
      "  diffuse inpaint --ckpt runs/shapes --image shape.png --mask mask.png -n 16 -o ideas");
  flags->edit.sampler.sampler = "ddpm";  // as RePaint; the model's own may add no noise
  flags->edit.add_to(*command);
  flags->edit.add_strip_to(*command);
  command->add_option("--image", flags->image, "PNG or JPEG of the model's size, or float32 .npy")
      ->required();
  command
      ->add_option("--mask", flags->mask, "Image of the same size: white = to be painted, or .npy")
      ->required();
  command->add_option("--repaint", flags->repaint,
                      "JUMP,PASSES: go back JUMP steps towards noise, until each stretch was gone "
                      "through PASSES times; slower, fits better. RePaint's are 10,10");
  command
      ->add_option("--feather", flags->feather,
                   "Fade in over this many pixels, inside the painted part")
      ->check(CLI::Range(0, 1000));
  command->add_option("-n", flags->count, "How many different fillings; default 1")
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--batch", flags->batch, "Images computed at once; does not change them")
      ->check(CLI::Range(1, 1'000'000));
  return [command, flags] { return run_inpaint(*command, *flags); };
}

}  // namespace diffuse::cli
