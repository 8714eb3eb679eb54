// diffuse convert: converts a model between our checkpoints and other programs' files.
#include "commands.h"
#include "common.h"
#include "diffuse/arrays/checkpoint_file.h"
#include "src/core/log.h"
#include "src/files/file.h"
#include "src/model_file/model_files.h"
#include "src/train/model_output.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct ConvertFlags {
  fs::path in, out;
  ForeignOptions options;
  bool no_ema = false;
  CpuFlags cpu;
};

int run_convert(ConvertFlags flags) {
  flags.cpu.apply();
  check_model_output(flags.in, flags.out);
  flags.options.use_ema = !flags.no_ema;
  const Checkpoint checkpoint = load_model_file(flags.in, flags.options);
  const std::string kind = used_weights(checkpoint, flags.options.use_ema);
  const auto network = load_network(checkpoint, flags.options.use_ema);
  const NamedTensors weights = named_parameters(*network);
  if (ending_of(flags.out) == ".pt")
    write_checkpoint_file(flags.out, model_root(checkpoint.config, checkpoint.step, weights, kind));
  else
    write_diffusers_model(flags.out, checkpoint, weights, kind);
  if (ending_of(flags.out) != ".pt" && !checkpoint.config.data.mean.empty())
    log_warning(
        "diffusers has no data.normalize or data.range: samples made there are in the network's "
        "units");
  log_info(concat(checkpoint.file.string(), ": ", parameter_count(*network), " parameters in ",
                  weights.size(), " tensors"));
  print_path(flags.out);
  return kGood;
}

}  // namespace

Command add_convert(CLI::App& app) {
  auto flags = std::make_shared<ConvertFlags>();
  CLI::App* command = app.add_subcommand(
      "convert", "Convert a model between a checkpoint and other programs' files");
  command->footer(
      "Examples:\n"
      "  diffuse convert runs/cifar cifar-diffusers    for Python: UNet2DModel.from_pretrained\n"
      "  diffuse convert ddpm-cifar10-32 model.pt      from a folder of diffusers\n"
      "  diffuse convert model-790000.ckpt model.pt --image-size 32\n"
      "  diffuse convert ema_0.9999_500000.pt model.pt --image-size 64 \\\n"
      "      --set diffusion.timesteps=4000 --set diffusion.schedule=cosine");
  command
      ->add_option("in", flags->in,
                   "model.pt, a run folder, a diffusers folder, a .safetensors beside its "
                   "config.json, or a state dict (.pt, .ckpt)")
      ->required();
  command->add_option("out", flags->out, "FILE.pt for a checkpoint, else a diffusers folder")
      ->required();
  command
      ->add_option("--image-size", flags->options.image_size,
                   "Height and width in pixels, for a state dict, which does not store them")
      ->check(CLI::Range(1, 4096));
  command
      ->add_option("--set", flags->options.overrides,
                   "A config value that the file does not store: model.attention_heads=8")
      ->allow_extra_args(false);
  command->add_flag("--no-ema", flags->no_ema, "Use the raw weights, not their moving average");
  flags->cpu.add_to(*command);
  return [flags] { return run_convert(*flags); };
}

}  // namespace diffuse::cli
