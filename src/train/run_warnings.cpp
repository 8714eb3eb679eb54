#include "src/train/run_warnings.h"

#include <algorithm>
#include <cmath>

#include "diffuse/core/error.h"
#include "diffuse/train/trainer.h"
#include "optimizer.h"
#include "src/core/log.h"
#include "src/data/inspection.h"
#include "src/train/parameter_groups.h"

namespace diffuse {

// The highest learning rate of a run, to within 0.1 %.
static double highest_learning_rate(const TrainConfig& train) {
  constexpr int64_t kParts = 1000;
  double highest = 0;
  for (int64_t i = 1; i <= kParts; ++i)
    highest =
        std::max(highest, learning_rate_at(train, (train.steps * i + kParts - 1) / kParts - 1));
  return highest;
}

static std::string short_warmup(const TrainConfig& train) {
  if (train.warmup_steps <= train.steps) return "";
  return concat("/train/warmup_steps: ", train.warmup_steps, " is more than the ", train.steps,
                " steps of the run: the learning rate reaches only ", highest_learning_rate(train),
                " of ", train.learning_rate);
}

static std::string never_due(const char* key, int64_t every, int64_t steps, const char* what) {
  if (every <= steps) return "";
  return concat("/train/", key, ": ", every, " is more than the ", steps, " steps of the run: no ",
                what);
}

// The share of the initial weights in the averages.
static std::string early_averages(const TrainConfig& train) {
  constexpr double kMost = 0.5;
  const double kept = std::pow(train.ema_decay, static_cast<double>(train.steps));
  if (train.ema_warmup || kept <= kMost) return "";
  return concat("/train/ema_decay: after ", train.steps,
                " steps the averaged weights, which samples ", "are drawn with, are still ",
                std::round(1000 * kept) / 10, "% the initial ones; lower it, or set ema_warmup");
}

static std::string no_held_out(const TrainConfig& train, int64_t held_out) {
  if (train.eval_every == 0 || held_out > 0) return "";
  return "/train/eval_every: no items are held out, so there are no held-out losses; "
         "/data/held_out sets how many are";
}

static std::string untrained_guidance(const Config& config) {
  if (config.sample.guidance == 1 || !config.model.class_conditional ||
      config.train.label_dropout > 0 || config.condition.is_dropped())
    return "";
  return concat("/sample/guidance: ", config.sample.guidance,
                " compares with samples of no class, which the model does not learn without ",
                "/train/label_dropout");
}

static std::string without(bool missing, const char* key, const char* needs) {
  return missing ? concat(key, ": has no effect without ", needs) : "";
}

std::vector<std::string> run_warnings(const Config& config, int64_t held_out) {
  const TrainConfig& train = config.train;
  std::vector<std::string> warnings;
  if (train.steps > 0)
    warnings = {short_warmup(train), early_averages(train),
                never_due("eval_every", train.eval_every, train.steps, "held-out loss"),
                never_due("sample_every", train.sample_every, train.steps, "samples")};
  warnings.push_back(no_held_out(train, held_out));
  warnings.push_back(untrained_guidance(config));
  warnings.push_back(without(train.label_dropout > 0 && !config.model.class_conditional,
                             "/train/label_dropout", "/model/class_conditional"));
  for (const auto& [set, key] : {std::pair(config.condition.dropout > 0, "/condition/dropout"),
                                 {config.condition.noise > 0, "/condition/noise"}})
    warnings.push_back(without(set && !config.condition.is_on(), key, "/condition/type"));
  const bool guides = config.model.class_conditional || config.condition.is_dropped();
  warnings.push_back(without(config.sample.guidance != 1 && !guides, "/sample/guidance",
                             "/model/class_conditional or /condition/dropout"));
  warnings.push_back(without(train.weight_decay > 0 && train.optimizer == OptimizerKind::kAdam,
                             "/train/weight_decay", "/train/optimizer adamw"));
  std::erase(warnings, "");
  return warnings;
}

void warn_of_prior(const NoiseSchedule& schedule) {
  constexpr double kLimit = 1e-3;  // above it, the start of sampling is visibly wrong
  const double prior = schedule.prior_bits_per_dim(1);
  if (prior > kLimit)
    log_warning(
        concat("L_T is ", prior, " bits/dim, above ", kLimit, ": x_T is not pure noise, but ",
               "sampling starts from N(0, I); more timesteps or a larger beta_end lowers it"));
}

void warn_of_run(Trainer& trainer, const Dataset& held_out) {
  if (const auto* schedule = trainer.diffusion().process().schedule()) warn_of_prior(*schedule);
  for (const std::string& warning : run_warnings(trainer.config(), held_out.size()))
    log_warning(warning);
  const int64_t all = parameter_count(trainer.network());
  if (const int64_t trained = trained_count(trainer.network()); trained < all)
    log_info(concat(trained, " parameters are trained, ", all - trained, " are frozen"));
}

// The first names of a long list.
static std::string first_of(std::vector<std::string> names) {
  constexpr size_t kNamed = 20;
  const bool more = names.size() > kNamed;
  names.resize(std::min(names.size(), kNamed));
  return join(names) + (more ? ", ..." : "");
}

void log_classes(const Dataset& data, bool warns) {
  std::vector<std::string> named, empty;
  for (const auto& [name, count] : count_classes(data)) {
    named.push_back(concat(printable(name), " ", count));
    if (count == 0) empty.push_back(printable(name));
  }
  if (!named.empty()) log_info(concat("classes ", named.size(), ": ", first_of(named)));
  if (warns && !empty.empty())
    log_warning(concat("no item to train on in ", empty.size(), " of ", named.size(),
                       " classes: ", first_of(empty)));
}

}  // namespace diffuse
