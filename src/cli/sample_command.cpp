// diffuse sample: a checkpoint -> pictures or arrays.
#include <algorithm>
#include <filesystem>
#include <optional>

#include "commands.h"
#include "common.h"
#include "diffuse/core/error.h"
#include "diffuse/distributed/world.h"
#include "sample_plan.h"
#include "src/core/device.h"
#include "src/core/duration.h"
#include "src/core/log.h"
#include "src/core/stop.h"
#include "src/distributed/work_queue.h"
#include "src/model_file/draw_samples.h"
#include "src/model_file/sample_output.h"
#include "src/sample/class_choice.h"
#include "src/train/outputs.h"

namespace diffuse::cli {

namespace {

struct SampleFlags {
  ModelFlags model;
  PlanFlags plan;
  std::filesystem::path out = "samples.png";
  std::optional<int64_t> frames;
  std::optional<std::string> precision;
  std::string peer_timeout = "10m";
  bool show_x0 = false, resume = false, queue = false;
  MachineFlags machine;
};

// Frames to make of each sample: always for an animation, for a grid on request.
int64_t frame_count(const SampleFlags& flags, const SamplePlan& plan, OutputKind kind) {
  const bool animation = kind == OutputKind::kAnimation;
  if (flags.frames && *flags.frames < 1)
    throw Error("--frames: expected at least 1, got ", *flags.frames);
  if (!animation && !(kind == OutputKind::kGrid && flags.frames)) {
    if (flags.frames || flags.show_x0)
      throw Error(flags.frames ? "--frames" : "--show-x0", ": expected -o FILE.gif, .webp or ",
                  ".apng, or --frames and -o FILE.png, got ", flags.out.string());
    return 0;
  }
  const auto steps = std::ssize(plan.sampling.options.sampler.timesteps);
  if (flags.frames && *flags.frames > steps)
    log_info(
        concat("--frames ", *flags.frames, ": there are ", steps, " steps, so ", steps, " frames"));
  return std::min<int64_t>(flags.frames.value_or(50), steps);
}

int stopped(const char* reason, const SampleOutput& output, const std::filesystem::path& out) {
  if (!output.resumable())
    throw std::runtime_error(concat("stopped by ", reason, ": nothing was written"));
  log_warning(
      concat("stopped by ", reason, "; the same command with --resume continues ", out.string()));
  return kStoppedEarly;
}

// Rank 0's output, and the number of samples already in it.
std::pair<std::unique_ptr<SampleOutput>, int64_t> open_output(const SampleFlags& flags,
                                                              const SamplePlan& plan,
                                                              const Model& model, World& world) {
  std::unique_ptr<SampleOutput> output;
  if (world.is_first()) {
    std::vector<std::string> rows;  // with several classes, one each
    if (flags.plan.class_name && plan.sampling.classes.size() > 1)
      rows = class_captions(plan.sampling.classes, model.config().model);
    if (const int64_t classes = std::ssize(plan.sampling.classes);
        flags.plan.class_name && classes > plan.count)
      log_warning(concat(plan.count, " samples: only the first ", plan.count, " of the ", classes,
                         " classes of --class get one"));
    const OutputOptions options{.path = flags.out,
                                .shape = model.sample_shape(),
                                .kind = sample_kind(model.config().model),
                                .count = plan.count,
                                .parameters = describe(flags.plan, plan, model, flags.model,
                                                       flags.precision.value_or("fp32")),
                                .resume = flags.resume || flags.queue,
                                .rows = rows,
                                .conditions = plan.conditions.shown,
                                .data = model.config().data};
    output = std::make_unique<SampleOutput>(options);
    say_how_shown(options);
  }
  const at::Tensor done = at::full({1}, output ? output->done() : 0, at::kLong);
  world.broadcast({done});
  return {std::move(output), done.item<int64_t>()};
}

void say_what_is_drawn(const SamplePlan& plan, const Model& model, int64_t done,
                       c10::Device device) {
  log_info(concat("sampling ", plan.count - done, " from ", model.name(), " (step ", model.step(),
                  ") by ", plan.sampling.config.sampler, " in ",
                  plan.sampling.options.sampler.timesteps.size(), " steps on ", device,
                  done > 0 ? concat("; ", done, " are already there") : ""));
}

// In a world of one: processes share only the folder.
int sample_queued(const SampleFlags& flags, const SamplePlan& plan, const Model& model,
                  World& alone, c10::Device device) {
  std::filesystem::create_directories(flags.out);
  WorkQueue queue(flags.out / ".queue");
  std::unique_ptr<SampleOutput> output;
  queue.alone([&] { output = open_output(flags, plan, model, alone).first; });
  say_what_is_drawn(plan, model, output->done(), device);
  try {
    draw_queued(plan, model, parse_duration(flags.peer_timeout), queue, *output);
  } catch (const SamplingStopped& stop) {
    return stopped(signal_name(stop.signal), *output, flags.out);
  }
  queue.remove();
  print_path(flags.out);
  return kGood;
}

int sample_together(const SampleFlags& flags, const SamplePlan& plan, const Model& model,
                    World& world, int64_t frames, c10::Device device) {
  const auto [output, done] = open_output(flags, plan, model, world);
  say_what_is_drawn(plan, model, done, device);
  try {
    draw_samples(plan, model, {frames, flags.show_x0}, done, world, output.get());
  } catch (const SamplingStopped& stop) {
    return output ? stopped(signal_name(stop.signal), *output, flags.out) : kStoppedEarly;
  }
  if (!output) return kGood;
  world.phase("saving", plan.count);
  output->finish();
  print_path(flags.out);
  return kGood;
}

// The two models of a cascade, or that of --ckpt twice.
std::pair<ModelFlags, ModelFlags> models_of(const SampleFlags& flags) {
  ModelFlags base = flags.model, model = flags.model;
  if (flags.plan.cascade.empty()) return {base, model};
  base.checkpoint = flags.plan.cascade[0];
  model.checkpoint = flags.plan.cascade[1];
  return {base, model};
}

void check_paths(const SampleFlags& flags) {
  const auto [base, model] = models_of(flags);
  check_outputs({{"-o", flags.out, flags.out.extension().empty()}},
                {{"--ckpt", flags.model.checkpoint},
                 {"--cascade", base.checkpoint},
                 {"--cascade", model.checkpoint},
                 {"--guide", flags.plan.sampler.guide},
                 {"--noise", flags.plan.noise},
                 {"--condition", flags.plan.condition},
                 {"--from", flags.plan.from}});
}

int run_sample(const SampleFlags& flags) {
  const Launch launch = launch_from_environment();
  const c10::Device device = flags.machine.apply(launch);
  install_stop_handlers();
  World world(flags.queue ? Launch{} : launch, device, parse_duration(flags.peer_timeout));
  const bool cascades = !flags.plan.cascade.empty();
  if (flags.model.checkpoint.empty() && !cascades)
    throw Error("--ckpt is required, or --cascade BASE SR");
  if (world.is_first()) check_paths(flags);
  const auto [first, last] = models_of(flags);
  const Model model = last.load(device), base = cascades ? first.load(device) : model;
  SamplePlan plan = make_plan(flags.plan, model, cascades ? &base : nullptr);
  const auto precision =
      select_precision(parse_word<Precision>(flags.precision.value_or("fp32"), "--precision"),
                       device, "--precision");
  plan.sampling.options.precision = precision;
  if (plan.cascade) plan.cascade->sampling.options.precision = precision;
  const OutputKind kind = output_kind(flags.out, model.is_image());
  if (flags.queue && kind != OutputKind::kFolder)
    throw Error("--queue: expected -o with a folder, got -o ", flags.out.string());
  const int64_t frames = frame_count(flags, plan, kind);
  if (frames > 0 && world.size() > 1)
    throw Error("-o ", flags.out.string(), ": frames need one process, got ", world.size());
  return flags.queue ? sample_queued(flags, plan, model, world, device)
                     : sample_together(flags, plan, model, world, frames, device);
}

void add_options(CLI::App& command, SampleFlags& flags) {
  flags.model.add_to(command);
  command.add_option(
      "-o,--out", flags.out,
      ".png grid, .gif, .webp or .apng animation, .npz uint8, .npy float, or a folder of PNGs");
  flags.plan.add_to(command);
  command.get_option("--ckpt")->required(false);
  for (const char* const other :
       {"--ckpt", "--condition", "--noise", "--from", "--share-from-step"})
    command.get_option("--cascade")->excludes(command.get_option(other));
  command.add_option(
      "--frames", flags.frames,
      "Frames of an animation, default 50; for a .png: a row of frames per image or signal, "
      "the path of each point");
  command.add_flag("--show-x0", flags.show_x0, "Frames show the predicted x_0 instead of x_t");
  command.add_flag("--resume", flags.resume,
                   "Continue the folder, .npz or .npy of a stopped run, if there is one");
  command.add_flag("--queue", flags.queue,
                   "Fill the folder together with all processes with the same command line, "
                   "which may start and stop at any time; implies --resume");
  command.add_option("--precision", flags.precision, "fp32, bf16, fp16 (GPU) or auto")
      ->check(CLI::IsMember(words_of<Precision>()));
  add_peer_timeout(command, flags.peer_timeout);
  flags.machine.add_to(command);
}

}  // namespace

Command add_sample(CLI::App& app) {
  auto flags = std::make_shared<SampleFlags>();
  CLI::App* command = app.add_subcommand("sample", "Draw samples from a trained model");
  command->footer(
      "Exit codes: 0 done, 75 stopped by a signal with a folder, .npz or .npy to --resume.\n"
      "Examples:\n"
      "  diffuse sample --ckpt model.pt -n 64\n"
      "  diffuse sample --ckpt model.pt -n 64 --sampler dpmpp2m --steps 20\n"
      "  diffuse sample --ckpt model.pt -n 100 --class all -o rows.png\n"
      "  diffuse sample --ckpt runs/shapes -n 8 --from sketch.png --strength 0.6\n"
      "  diffuse sample --cascade runs/shapes16 runs/shapes_super -n 64\n"
      "  diffuse sample --ckpt runs/shapes -n 16 -o reverse.webp --frames 80\n"
      "  diffuse sample --ckpt runs/shapes -n 8 -o progressive.png --frames 10 --show-x0\n"
      "  diffuse sample --ckpt runs/shapes -n 8 --share-from-step 250 --sampler ddpm\n"
      "  diffuse sample --ckpt model.pt -n 50000 -o digits.npz --sampler ddim --steps 50 --batch "
      "128 --resume\n"
      "  diffuse launch --nproc 8 -- sample --ckpt model.pt -n 50000 -o digits --resume\n"
      "  sbatch --array=0-7 --wrap 'srun diffuse sample --ckpt model.pt -n 50000 -o digits "
      "--queue'");
  add_options(*command, *flags);
  return [flags] { return run_sample(*flags); };
}

}  // namespace diffuse::cli
