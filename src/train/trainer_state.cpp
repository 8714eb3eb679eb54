// What a trainer saves and goes on from.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "diffuse/config/config_json.h"
#include "diffuse/core/log.h"
#include "diffuse/data/class_names.h"
#include "diffuse/train/resume.h"
#include "diffuse/train/trainer.h"

namespace diffuse {

// One tensor per parameter under the parameters' names.
static NamedTensors by_name(const Network& network, const std::vector<at::Tensor>& tensors) {
  NamedTensors named = named_parameters(network);
  for (size_t i = 0; i < named.size(); ++i) named[i].second = tensors[i];
  return named;
}

// Everything that changes from update to update, in the sections of a checkpoint. The tensors are
// the trainer's own: reading a checkpoint is copying into them. Where other ranks keep some they are
// gathered on rank 0, or left without values.
std::vector<std::pair<std::string, NamedTensors>> Trainer::state(bool gather) const {
  const auto of_all = [&](const std::vector<at::Tensor>& own) {
    return by_name(*network_, gather ? shards_.gather(own) : shards_.spread(own));
  };
  NamedTensors counters = scaler_.state();
  counters.emplace_back("optimizer_updates", adam_.count());
  counters.emplace_back("skipped_updates", skipped_);
  return {{"model", named_parameters(*network_)},
          {"ema", of_all(ema_.averages())},
          {"exp_avg", of_all(adam_.first_moment())},
          {"exp_avg_sq", of_all(adam_.second_moment())},
          {"counters", counters},
          {"timestep_sampler", timesteps_.state()}};
}

ValueDict Trainer::checkpoint() const {
  ValueDict root{{"format", {std::string("diffuse")}},
                 {"version", {int64_t{1}}},
                 {"config", {config_to_json(config_)}},
                 {"step", {step_}},
                 {"samples", {step_ * config_.train.batch_size}}};
  for (const auto& [name, tensors] : state(/*gather=*/true))
    root.emplace_back(name, Value{to_dict(tensors)});
  return root;
}

// Where one side knows its classes by number alone they keep the other's names.
static void take_class_names(const Checkpoint& checkpoint, std::vector<std::string>& ours) {
  const auto& theirs = checkpoint.config.model.class_names;
  if (ours == theirs || (are_numbers(ours) && theirs.empty())) return;
  if (!ours.empty()) log_info(map_classes(ours, theirs, checkpoint.file.string()).note);
  if (are_numbers(ours)) ours = theirs;
}

// Every rank receives every tensor, one at a time, and keeps it if it has a place for it.
void Trainer::restore(const std::optional<Checkpoint>& checkpoint) {
  world_->phase("restoring", step_);
  if (checkpoint) {
    check_same_model(config_, *checkpoint);
    take_class_names(*checkpoint, config_.model.class_names);
  }
  const bool weights_alone = checkpoint && !holds_training(*checkpoint);
  const int64_t known = !checkpoint ? -1 : weights_alone ? 0 : checkpoint->step;
  const at::Tensor step = at::full({}, known, at::kLong);
  const at::Tensor anew = at::full({}, weights_alone ? 1 : 0, at::kLong);
  world_->broadcast({step, anew});
  if (step.item<int64_t>() < 0) return;
  const at::NoGradGuard no_grad;
  // A loss scale goes from float16 to float16 alone: other precisions save the 1 that they go by.
  const bool scales =
      checkpoint && checkpoint->config.train.precision == "fp16" && precision_ == at::kHalf;
  const auto starts_anew = [&](const std::string& tensor) {
    return !scales && tensor.starts_with("loss_scale");
  };
  for (const auto& [name, tensors] : state(/*gather=*/false)) {
    if (anew.item<int64_t>() == 1 && name != "model" && name != "ema") continue;
    std::vector<at::Tensor> saved;
    if (checkpoint) saved = section_tensors(*checkpoint, name, tensors);
    for (size_t i = 0; i < tensors.size(); ++i) {
      const at::Tensor& place = tensors[i].second;
      const at::Tensor values = place.is_meta() ? at::empty_like(place, device_) : place;
      if (checkpoint && !starts_anew(tensors[i].first)) values.copy_(saved[i]);
      world_->broadcast({values});
    }
  }
  step_ = step.item<int64_t>();
  skipped_reported_ = skipped_.item<int64_t>();
  loader_.reset();
}

}  // namespace diffuse
