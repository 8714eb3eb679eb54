#include "src/model_file/draw_samples.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "diffuse/core/error.h"
#include "src/core/log.h"
#include "src/core/progress.h"
#include "src/core/stop.h"
#include "src/model_file/generate_together.h"

namespace diffuse {

std::vector<StreamKey> SamplePlan::keys(int64_t begin, int64_t size) const {
  if (listed.empty()) return consecutive_keys(seed, static_cast<uint64_t>(begin), size);
  return {listed.begin() + begin, listed.begin() + begin + size};
}

GenerateOptions SamplePlan::options(int64_t begin, int64_t size) const {
  GenerateOptions result = sampling.rows(size, begin);
  if (start.defined()) result.start = start.slice(0, begin, begin + size);
  if (conditions.rows.defined())
    result.condition = conditions.rows.index_select(
        0, at::arange(begin, begin + size).floor_divide(count / conditions.count()));
  return result;
}

void share_from_step(SamplePlan& plan, const Model& model, int64_t t) {
  if (!model.config().diffusion.is_chain())
    throw Error("--share-from-step: expected a discrete chain; the time of ", model.name(),
                " is continuous");
  const int64_t timesteps = model.config().diffusion.timesteps;
  if (t < 0 || t >= timesteps)
    throw Error("--share-from-step: expected 0 to ", timesteps - 1, ", got ", t);
  if (!plan.sampling.options.sampler.stochastic())
    throw Error("--share-from-step: ", plan.sampling.config.sampler,
                " adds no noise, so all samples would be ",
                "the same; use ddpm, dpmpp2m-sde, or ddim with --eta");
  if (plan.start.defined())
    throw Error("--share-from-step: with --noise the samples differ from the start");
  plan.sampling.options.share_from = static_cast<double>(t);
}

namespace {

struct KeyedRows {
  std::vector<StreamKey> keys;
  GenerateOptions options;
};

}  // namespace

// Of samples from `begin` on. All processes draw a cascade's first samples for them together.
static KeyedRows rows_of(const SamplePlan& plan, const Model& model, int64_t begin, int64_t size,
                         World& world) {
  KeyedRows rows{plan.keys(begin, size), plan.options(begin, size)};
  if (!plan.cascade) return rows;
  rows.options.condition =
      cascade_condition(*plan.cascade, model, rows.keys, begin, world, [&](const SampleStep&) {
        if (world.size() == 1 && stop_requested()) throw SamplingStopped{stop_signal()};
      });
  rows.keys = second_keys(rows.keys);
  return rows;
}

// Whether a step is a frame: `frames` of the `steps` are, evenly spaced, including the last.
static bool is_frame(int64_t done, int64_t steps, int64_t frames) {
  return done * frames / steps != (done - 1) * frames / steps;
}

void draw_samples(const SamplePlan& plan, const Model& model, const Frames& frames, int64_t done,
                  World& world, SampleOutput* output) {
  Progress progress({.unit = "sample", .total = plan.count, .start = done});
  const int64_t round = plan.batch * world.size();
  int64_t calls = 0, batches = 0;
  for (int64_t begin = done; begin < plan.count; begin += round) {
    const int64_t count = std::min(round, plan.count - begin);
    world.phase("drawing samples", begin);
    int64_t frame = 0;
    ++batches;
    const StepCallback on_step = [&](const SampleStep& step) {
      calls += step.calls;
      if (frames.count > 0 && is_frame(step.done, step.count, frames.count))
        output->add_frame(frame++, model.to_data((frames.of_x0 ? step.x0 : step.x).to(at::kCPU)));
      progress.update(begin + count * step.done / step.count,
                      concat("step ", step.done, "/", step.count));
      if (world.size() == 1 && stop_requested()) throw SamplingStopped{stop_signal()};
    };
    const auto [keys, options] = rows_of(plan, model, begin, count, world);
    const at::Tensor x = generate_together(world, model, keys, options, on_step);
    if (output != nullptr) output->add(begin, x);
    if (begin + count == plan.count) break;
    if (const int64_t signal = world.start_max(stop_signal)(); signal != 0)
      throw SamplingStopped{static_cast<int>(signal)};
  }
  progress.finish();
  if (plan.sampling.config.sampler == SamplerKind::kDopri5)
    log_info(
        concat("dopri5 called the network ", calls, " times, ", calls / batches, " per batch"));
}

void draw_queued(const SamplePlan& plan, const Model& model, double patience, WorkQueue& queue,
                 SampleOutput& output) {
  Progress progress({.unit = "sample", .total = plan.count, .start = output.done()});
  int64_t there = 0;
  const auto size_of = [&](int64_t part) {
    return std::min(plan.batch, plan.count - part * plan.batch);
  };
  const auto is_there = [&](int64_t part) {
    const bool done = output.holds(part * plan.batch, size_of(part));
    if (done) progress.update(there += size_of(part));
    return done;
  };
  const auto draw = [&](int64_t part) {
    const int64_t begin = part * plan.batch, count = size_of(part);
    const StepCallback on_step = [&](const SampleStep& step) {
      progress.update(there + count * step.done / step.count,
                      concat("step ", step.done, "/", step.count));
      if (stop_requested()) throw SamplingStopped{stop_signal()};
    };
    World alone;
    const auto [keys, options] = rows_of(plan, model, begin, count, alone);
    output.add(begin, model.sample(keys, options, on_step));
    there += count;
  };
  const int64_t parts = (plan.count + plan.batch - 1) / plan.batch;
  if (!queue.run(parts, patience, is_there, draw)) throw SamplingStopped{stop_signal()};
  progress.finish();
}

}  // namespace diffuse
