#include "sample_plan.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "diffuse/core/error.h"
#include "src/core/json_text.h"
#include "src/data/normalization.h"
#include "src/model_file/sample_input.h"
#include "src/sample/class_choice.h"
#include "src/sample/seeds.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

void PlanFlags::add_to(CLI::App& command) {
  command.add_option("-n", count,
                     "Samples of each condition; default 64 in all, more to fill rows");
  sampler.add_to(command);
  command.add_option("--class", class_name, kClassHelp);
  command.add_option("--condition", condition,
                     "What samples are to fit: a picture, a folder of pictures, .npy or .npz");
  command
      .add_option("--cascade", cascade,
                  "Instead of --ckpt: a base model, and a super-resolution model that enlarges its "
                  "samples; sampler flags are for both")
      ->expected(2)
      ->type_name("BASE SR");
  command.add_option("--cascade-noise", cascade_noise,
                     "Noise added to BASE's samples; default: half of SR's /condition/noise");
  command.add_option("--batch", batch, "Samples computed at once; does not change them");
  auto* one = command.add_option("--seed", seed, "Sample i depends only on (seed, i)");
  command.add_option("--seeds", seeds, "One sample per seed: 0-63 or 1,5,9")->excludes(one);
  auto* given =
      command.add_option("--noise", noise, "x_T from a float32 .npy file instead of the seed");
  command
      .add_option("--from", from,
                  "Start from this image plus noise: a picture or .npy of the model's size")
      ->excludes(given);
  command.add_option("--strength", strength,
                     "--from: the part of the noising process to redo, 0 .. 1; default 0.5");
  command.add_option("--share-from-step", share_from_step,
                     "Many samples from one x_t: all are the same down to this timestep");
}

// 64, or with conditions or classes in turn enough more to fill the rows.
static int64_t default_count(const PlanFlags& flags, const SamplePlan& plan) {
  const bool by_class = flags.class_name && !plan.conditions.rows.defined();
  const int64_t rows = by_class ? std::ssize(plan.sampling.classes) : plan.conditions.count();
  return (64 + rows - 1) / rows * rows;
}

static constexpr int64_t kMostSamples = 100'000'000;

static int64_t count_of(const PlanFlags& flags, const SamplePlan& plan) {
  const auto seeds = static_cast<int64_t>(plan.listed.size());
  if (seeds > 0 && flags.count && *flags.count != seeds)
    throw Error("-n ", *flags.count, ": --seeds names ", seeds, " samples; leave out -n");
  const int64_t given = plan.start.defined() ? plan.start.size(0) : 0;
  const int64_t conditions = plan.conditions.count();
  const int64_t wanted = seeds > 0     ? seeds
                         : flags.count ? std::min(*flags.count, kMostSamples) * conditions
                                       : (given > 0 ? given : default_count(flags, plan));
  if (wanted % conditions != 0)
    throw Error(seeds > 0 ? "--seeds" : "--noise", ": ", wanted, " samples for ", conditions,
                " conditions; expected as many for each");
  if (given > 0 && wanted != given)
    throw Error(seeds > 0 ? "--seeds" : "-n", ": ", wanted, " samples, but --noise contains ",
                given);
  if (wanted < 1 || wanted > kMostSamples)
    throw Error("-n: expected 1 to 100,000,000, got ", wanted);
  return wanted;
}

// Keeps the timesteps below --strength of T.
static void start_from_image(const PlanFlags& flags, const Model& model, int64_t T,
                             SamplePlan& plan) {
  if (flags.from.empty()) {
    if (flags.strength) throw Error("--strength: expected --from IMAGE with it");
    return;
  }
  const double strength = flags.strength.value_or(0.5);
  if (!(strength > 0 && strength <= 1))
    throw Error("--strength: expected above 0 and at most 1, got ", strength);
  plan.sampling.options.from = load_sample("--from", flags.from, model, plan.sampling.config);
  std::vector<double>& list = plan.sampling.options.sampler.timesteps;
  const bool chain = model.config().diffusion.is_chain();
  const double limit =
      chain ? static_cast<double>(T) * strength : model.diffusion().process().time_at(strength);
  std::erase_if(list, [&](double t) { return t >= limit; });
  if (list.empty())
    throw Error("--strength ", strength, ": none of the sampler's timesteps is below ", limit,
                "; expected a larger one, or more --steps");
}

// A model without classes takes no --class if the other one of a cascade does.
static std::vector<int64_t> classes_of(const PlanFlags& flags, const Model& model,
                                       const Model* other) {
  const bool of_other = other != nullptr && other->config().model.classes > 0;
  return flags.class_name && (model.config().model.classes > 0 || !of_other)
             ? parse_classes(*flags.class_name, model.config().model)
             : all_classes(model.config().model);
}

SamplePlan make_plan(const PlanFlags& flags, const Model& model, const Model* base) {
  SamplePlan plan;
  plan.sampling = flags.sampler.over(model);
  plan.seed = flags.seed;
  if (flags.seeds) plan.listed = parse_seeds(*flags.seeds);
  if (!flags.noise.empty()) plan.start = load_noise(flags.noise, model.sample_shape());
  plan.sampling.classes = classes_of(flags, model, base);
  if (base != nullptr) {
    Sampling first = flags.sampler.over(*base);
    first.classes = classes_of(flags, *base, &model);
    plan.cascade = make_cascade(*base, std::move(first), model, flags.cascade_noise);
  } else if (flags.cascade_noise) {
    throw Error("--cascade-noise: expected --cascade BASE SR with it");
  } else {
    plan.conditions = load_conditions(flags.condition, model);
  }
  plan.count = count_of(flags, plan);
  plan.batch = flags.batch.value_or(std::min<int64_t>(plan.count, 64));
  if (plan.batch < 1) throw Error("--batch: expected at least 1, got ", plan.batch);
  const int64_t T = model.config().diffusion.timesteps;
  start_from_image(flags, model, T, plan);
  if (flags.share_from_step) share_from_step(plan, model, *flags.share_from_step);
  plan.sampling.options.shared = plan.keys(0, 1)[0];
  return plan;
}

std::string describe(const PlanFlags& flags, const SamplePlan& plan, const Model& model,
                     const ModelFlags& model_flags, const std::string& precision) {
  nlohmann::ordered_json parameters{{"checkpoint", model.name()},
                                    {"step", model.step()},
                                    {"weights", model.weights()},
                                    {"precision", precision},
                                    {"seeds", flags.seeds.value_or(std::to_string(flags.seed))},
                                    {"n", plan.count}};
  if (model_flags.ema) parameters["ema"] = *model_flags.ema;
  parameters.update(flags.sampler.describe(plan.sampling));
  if (!flags.from.empty()) {
    parameters["from"] = flags.from.string();
    parameters["strength"] = flags.strength.value_or(0.5);
  }
  if (flags.class_name) parameters["class"] = *flags.class_name;
  if (!flags.condition.empty())
    parameters["condition"] = {{"file", flags.condition.string()},
                               {"each", plan.count / plan.conditions.count()}};
  if (const auto& c = plan.cascade)
    parameters["cascade"] = {c->base.name(), c->base.step(), c->level};
  if (!flags.noise.empty()) parameters["noise"] = flags.noise.string();
  if (flags.share_from_step) parameters["share_from_step"] = *flags.share_from_step;
  return json_text(parameters);
}

}  // namespace diffuse::cli
