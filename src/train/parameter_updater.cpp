#include "parameter_updater.h"

#include <ATen/ATen.h>

#include "src/model_file/snapshots.h"
#include "src/train/parameter_groups.h"

namespace diffuse {

using Tensors = std::vector<at::Tensor>;

static Tensors parameters_of(const NamedModules& modules, bool trained) {
  Tensors parameters;
  for (const auto& [name, module] : modules)
    for (const at::Tensor& parameter : module->parameters())
      if (parameter.requires_grad() == trained) parameters.push_back(parameter);
  return parameters;
}

// Of the network's parameters by the config, of others 1; none where all are 1.
static std::vector<double> factors_of(const TrainConfig& config, const NamedModules& modules,
                                      const Tensors& parameters) {
  std::vector<double> factors;
  if (config.learning_rates.empty()) return factors;
  RateFactors given;
  for (const auto& [name, module] : modules)
    if (name == kNetwork) given = rate_factors(config, *module);
  for (const at::Tensor& parameter : parameters) {
    const auto found = given.find(parameter.unsafeGetTensorImpl());
    factors.push_back(found == given.end() ? 1 : found->second);
  }
  return factors;
}

// Null where the tensors lie apart.
static std::unique_ptr<FlatUpdate> flat_update(const TrainConfig& config,
                                               const NamedModules& modules,
                                               const Tensors& parameters,
                                               const UpdateLayout& layout) {
  if (!layout.flat) return nullptr;
  return std::make_unique<FlatUpdate>(config, parameters, layout.low,
                                      parameters_of(modules, /*trained=*/false));
}

static std::vector<PowerEma> power_emas(const TrainConfig& config, const Tensors& parameters) {
  std::vector<PowerEma> all;
  if (config.ema_snapshot_every > 0)
    for (const double width : kSnapshotWidths) all.emplace_back(parameters, width);
  return all;
}

ParameterUpdater::ParameterUpdater(const TrainConfig& config, NamedModules modules,
                                   c10::Device device, c10::ScalarType precision, World& world,
                                   const UpdateLayout& layout)
    : config_(config),
      modules_(std::move(modules)),
      layout_(layout),
      parameters_(parameters_of(modules_, /*trained=*/true)),
      shards_(world, parameters_, config.shard_optimizer && !layout.flat),
      flat_(flat_update(config, modules_, parameters_, layout)),
      ema_(shards_.own(), config.ema_decay, config.ema_warmup,
           flat_ ? flat_->averages() : Tensors{}),
      power_emas_(power_emas(config, shards_.own())),
      adam_(config, flat_ ? Tensors{} : shards_.own(), device,
            flat_ ? std::vector<double>() : factors_of(config, modules_, shards_.own())),
      scaler_(precision == at::kHalf, device) {}

void ParameterUpdater::prepare(int64_t step) {
  if (flat_) flat_->prepare(learning_rate_at(config_, step), ema_.decay_at(step));
}

UpdateFigures ParameterUpdater::update(int64_t step) {
  if (flat_) {
    const auto [norm, skipped] = flat_->run(scaler_, adam_.count());
    return {.gradient_norm = norm, .skipped = skipped};
  }
  auto gradients = gradients_of(parameters_);
  const at::Tensor found_inf = scaler_.unscale(gradients);
  const at::Tensor norm = gradient_norm(gradients);
  if (config_.gradient_clip > 0) clip_gradients(gradients, norm, config_.gradient_clip);
  adam_.step(learning_rate_at(config_, step), found_inf);
  drop_gradients();
  shards_.share_parameters();
  scaler_.update(found_inf);
  ema_.update(step);
  for (PowerEma& average : power_emas_) average.update(step);
  return {.gradient_norm = norm, .skipped = found_inf};
}

void ParameterUpdater::restored() {
  if (flat_) flat_->restored();
}

void ParameterUpdater::drop_gradients() {
  if (flat_) return flat_->drop_gradients();
  for (const auto& [name, module] : modules_) module->zero_grad();
}

// The EMA weights, gathered from all ranks, replace this rank's weights, which are restored afterwards.
void ParameterUpdater::with_averages(const std::function<void()>& work) {
  {
    const EmaScope averaged(ema_);
    shards_.share_parameters();
    work();
  }
  shards_.share_parameters();
}

// The tensors from `next` on, one for each trained parameter of a module, by parameter name. Parameters that
// are not trained are their own averages; undefined tensors are left out.
static NamedTensors named(const torch::nn::Module& module, const at::Tensor*& next, bool averages) {
  NamedTensors result;
  for (const auto& [name, parameter] : named_parameters(module)) {
    if (!parameter.requires_grad()) {
      if (averages) result.emplace_back(name, parameter);
      continue;
    }
    if (next->defined()) result.emplace_back(name, *next);
    ++next;
  }
  return result;
}

std::vector<StateSection> ParameterUpdater::state(bool gather) const {
  const auto of_all = [&](const std::vector<at::Tensor>& own) {
    return gather ? shards_.gather(own) : shards_.spread(own);
  };
  const std::vector<at::Tensor> averages = of_all(ema_.averages()),
                                first =
                                    of_all(flat_ ? flat_->first_moment() : adam_.first_moment()),
                                second =
                                    of_all(flat_ ? flat_->second_moment() : adam_.second_moment());
  const at::Tensor *average = averages.data(), *one = first.data(), *two = second.data();
  std::vector<StateSection> sections;
  for (const auto& [name, module] : modules_) {
    const bool weights = name == kNetwork;
    sections.push_back({section_path(name, "model"), named_parameters(*module), weights});
    sections.push_back({section_path(name, "ema"), named(*module, average, true), weights});
    sections.push_back({section_path(name, "exp_avg"), named(*module, one, false)});
    sections.push_back({section_path(name, "exp_avg_sq"), named(*module, two, false)});
  }
  for (size_t i = 0; i < power_emas_.size(); ++i) {
    const auto averages = of_all(power_emas_[i].averages());
    const at::Tensor* next = averages.data();
    for (const auto& [name, module] : modules_)
      sections.push_back(
          {section_path(name, snapshot_section(kSnapshotWidths[i])), named(*module, next, true)});
  }
  NamedTensors counters = scaler_.state();
  counters.emplace_back("optimizer_updates", adam_.count());
  sections.push_back({"counters", counters});
  return sections;
}

}  // namespace diffuse
