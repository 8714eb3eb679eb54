// diffuse sample: a checkpoint -> pictures or arrays.
#include <algorithm>
#include <filesystem>
#include <optional>

#include "commands.h"
#include "common.h"
#include "diffuse/core/device.h"
#include "diffuse/core/duration.h"
#include "diffuse/core/error.h"
#include "diffuse/core/log.h"
#include "diffuse/core/progress.h"
#include "diffuse/core/stop.h"
#include "diffuse/distributed/world.h"
#include "diffuse/model_file/generate_together.h"
#include "diffuse/model_file/sample_output.h"
#include "diffuse/train/outputs.h"
#include "sample_plan.h"

namespace diffuse::cli {

namespace {

struct SampleFlags {
  ModelFlags model;
  PlanFlags plan;
  std::filesystem::path out = "samples.png";
  std::optional<int64_t> frames;
  std::optional<std::string> precision;
  std::string peer_timeout = "10m";
  bool show_x0 = false, resume = false;
  MachineFlags machine;
};

// Thrown out of a batch by a signal: the batch is lost, what was added before it is not.
struct Stopped {
  int signal;
};

// Frames of each sample's way to make: of an animation by itself, of a grid where asked for.
int64_t frame_count(const SampleFlags& flags, const Plan& plan, OutputKind kind) {
  const bool animation = kind == OutputKind::kAnimation;
  if (flags.frames && *flags.frames < 1)
    throw Error("--frames: expected at least 1, got ", *flags.frames);
  if (!animation && !(kind == OutputKind::kGrid && flags.frames)) {
    if (flags.frames || flags.show_x0)
      throw Error(flags.frames ? "--frames" : "--show-x0", ": expected -o FILE.gif, or --frames ",
                  "and -o FILE.png, got ", flags.out.string());
    return 0;
  }
  const auto steps = std::ssize(plan.sampling.options.sampler.timesteps);
  return std::min<int64_t>(flags.frames.value_or(50), steps);
}

// Which of `steps` steps are frames: `frames` of them evenly spread, with the last.
bool is_frame(int64_t done, int64_t steps, int64_t frames) {
  return done * frames / steps != (done - 1) * frames / steps;
}

// Each rank draws a batch, then rank 0, which alone has an output, adds them all. A rank that dies
// takes no more with it than the batches under way.
void generate_all(const Plan& plan, const Model& model, int64_t frames, bool show_x0, int64_t done,
                  World& world, SampleOutput* output) {
  Progress progress({.unit = "sample", .total = plan.count, .start = done});
  const int64_t round = plan.batch * world.size();
  for (int64_t begin = done; begin < plan.count; begin += round) {
    const int64_t count = std::min(round, plan.count - begin);
    world.phase("drawing samples", begin);
    int64_t frame = 0;
    const StepCallback on_step = [&](const SampleStep& step) {
      if (frames > 0 && is_frame(step.done, step.count, frames))
        output->add_frame(frame++, model.to_data((show_x0 ? step.x0 : step.x).to(at::kCPU)));
      progress.update(begin + count * step.done / step.count,
                      concat("step ", step.done, "/", step.count));
      if (world.size() == 1 && stop_requested()) throw Stopped{stop_signal()};
    };
    const at::Tensor x = generate_together(world, model, plan.keys(begin, count),
                                           plan.options(begin, count), on_step);
    if (output != nullptr) output->add(begin, x);
    if (begin + count == plan.count) break;
    if (const int64_t signal = world.start_max(stop_signal)(); signal != 0)
      throw Stopped{static_cast<int>(signal)};
  }
  progress.finish();
}

int stopped(const char* reason, const SampleOutput& output, const std::filesystem::path& out) {
  if (!output.resumable())
    throw std::runtime_error(concat("stopped by ", reason, ": nothing is written"));
  log_warning(concat("stopped by ", reason, "; the same command with --resume goes on with ",
                     out.string()));
  return kStoppedEarly;
}

// Captions of the grid's rows where several classes were asked for: their names in plain letters, else
// their numbers.
std::vector<std::string> row_captions(const SampleFlags& flags, const Plan& plan,
                                      const ModelConfig& model) {
  std::vector<std::string> captions;
  if (!flags.plan.class_name || plan.sampling.classes.size() < 2) return captions;
  for (const int64_t label : plan.sampling.classes) {
    const std::string name = model.class_names.empty() ? "" : model.class_names.at(label);
    const bool plain = std::ranges::all_of(name, [](char c) { return ' ' <= c && c <= '~'; });
    captions.push_back(plain && !name.empty() ? name.substr(0, 20) : std::to_string(label));
  }
  return captions;
}

// Rank 0's output, and how many samples of it are there.
std::pair<std::unique_ptr<SampleOutput>, int64_t> open_output(const SampleFlags& flags,
                                                              const Plan& plan, const Model& model,
                                                              World& world) {
  std::unique_ptr<SampleOutput> output;
  if (world.is_first()) {
    const OutputOptions options{.path = flags.out,
                                .shape = model.sample_shape(),
                                .count = plan.count,
                                .parameters = describe(flags.plan, plan, model, !flags.model.no_ema,
                                                       flags.precision.value_or("fp32")),
                                .resume = flags.resume,
                                .rows = row_captions(flags, plan, model.config().model),
                                .data = model.config().data};
    output = std::make_unique<SampleOutput>(options);
    say_how_shown(options);
  }
  const at::Tensor done = at::full({1}, output ? output->done() : 0, at::kLong);
  world.broadcast({done});
  return {std::move(output), done.item<int64_t>()};
}

int run_sample(const SampleFlags& flags) {
  const Launch launch = launch_from_environment();
  const c10::Device device = flags.machine.apply(launch);
  install_stop_handlers();
  World world(launch, device, parse_duration(flags.peer_timeout));
  if (world.is_first())
    check_outputs({{"-o", flags.out, flags.out.extension().empty()}},
                  {{"--ckpt", flags.model.checkpoint},
                   {"--noise", flags.plan.noise},
                   {"--from", flags.plan.from}});
  const Model model = flags.model.load(device);
  Plan plan = make_plan(flags.plan, model);
  plan.sampling.options.precision =
      select_precision(flags.precision.value_or("fp32"), device, "--precision");
  const int64_t frames = frame_count(flags, plan, output_kind(flags.out, model.is_image()));
  if (frames > 0 && world.size() > 1)
    throw Error("-o ", flags.out.string(), ": frames are drawn by one process, here are ",
                world.size());
  const auto [output, done] = open_output(flags, plan, model, world);
  log_info(concat("sampling ", plan.count - done, " from ", model.name(), " (step ", model.step(),
                  ") by ", plan.sampling.config.sampler, " in ",
                  plan.sampling.options.sampler.timesteps.size(), " steps on ", device,
                  done > 0 ? concat("; ", done, " are there") : ""));
  try {
    generate_all(plan, model, frames, flags.show_x0, done, world, output.get());
  } catch (const Stopped& stop) {
    return output ? stopped(signal_name(stop.signal), *output, flags.out) : kStoppedEarly;
  }
  if (!output) return kGood;
  world.phase("saving", plan.count);
  output->finish();
  print_path(flags.out);
  return kGood;
}

void add_options(CLI::App& command, SampleFlags& flags) {
  flags.model.add_to(command);
  command.add_option("-o,--out", flags.out,
                     ".png grid, .gif animation, .npz uint8, .npy float, or a folder of PNGs");
  flags.plan.add_to(command);
  command.add_option("--frames", flags.frames,
                     "Frames of a .gif, default 50; of a .png: a row of them for each sample");
  command.add_flag("--show-x0", flags.show_x0, "Frames show the predicted x_0 instead of x_t");
  command.add_flag("--resume", flags.resume,
                   "Go on with the folder, .npz or .npy that a stopped run began, if there is one");
  command.add_option("--precision", flags.precision, "fp32, bf16, fp16 (GPU) or auto")
      ->check(CLI::IsMember({"fp32", "bf16", "fp16", "auto"}));
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
      "  diffuse sample --ckpt runs/shapes -n 16 -o reverse.gif --frames 80\n"
      "  diffuse sample --ckpt runs/shapes -n 8 -o progressive.png --frames 10 --show-x0\n"
      "  diffuse sample --ckpt runs/shapes -n 8 --share-from-step 250 --sampler ddpm\n"
      "  diffuse sample --ckpt model.pt -n 50000 -o digits.npz --sampler ddim --steps 50 --batch "
      "128 --resume\n"
      "  diffuse launch --nproc 8 -- sample --ckpt model.pt -n 50000 -o digits --resume");
  add_options(*command, *flags);
  return [flags] { return run_sample(*flags); };
}

}  // namespace diffuse::cli
