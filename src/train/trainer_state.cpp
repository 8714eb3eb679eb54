// What a trainer saves and resumes from.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "diffuse/config/config_json.h"
#include "diffuse/train/trainer.h"
#include "objective.h"
#include "parameter_updater.h"
#include "src/core/log.h"
#include "src/data/batch_loader.h"
#include "src/data/class_names.h"
#include "src/model_file/snapshots.h"
#include "src/train/resume.h"
#include "train_statistics.h"

namespace diffuse {

// All state that updates change.
std::vector<StateSection> Trainer::state(bool gather) const {
  std::vector<StateSection> sections = updater_->state(gather);
  sections.back().tensors.emplace_back("skipped_updates", statistics_->skipped());  // of "counters"
  sections.push_back({"timestep_sampler", objective_->state()});
  return sections;
}

// The training and the step that a file is from.
ValueDict Trainer::root() const {
  return {{"format", {std::string("diffuse")}},
          {"version", {int64_t{1}}},
          {"config", {config_to_json(config_)}},
          {"step", {step_}},
          {"samples", {step_ * config_.train.batch_size}}};
}

ValueDict Trainer::snapshot() const {
  ValueDict root = this->root();
  for (const StateSection& section : updater_->state(/*gather=*/true))
    for (const double width : kSnapshotWidths)
      if (section.path == snapshot_section(width)) add_section(root, section.path, section.tensors);
  return root;
}

ValueDict Trainer::checkpoint() const {
  ValueDict root = this->root();
  for (const StateSection& section : state(/*gather=*/true))
    add_section(root, section.path, section.tensors);
  return root;
}

// If one side has only class numbers, the names of the other are kept.
static void take_class_names(const Checkpoint& checkpoint, std::vector<std::string>& ours) {
  const auto& theirs = checkpoint.config.model.class_names;
  if (ours == theirs || (are_numbers(ours) && theirs.empty())) return;
  if (!ours.empty()) log_info(map_classes(ours, theirs, checkpoint.file.string()).note);
  if (are_numbers(ours)) ours = theirs;
}

namespace {

// Where all ranks continue from.
struct Start {
  int64_t step = -1;  // no checkpoint
  bool weights_alone = false;
};

}  // namespace

static Start agree_on_start(const std::optional<Checkpoint>& checkpoint, World& world) {
  const bool weights_alone = checkpoint && !holds_training(*checkpoint);
  const int64_t known = !checkpoint ? -1 : weights_alone ? 0 : checkpoint->step;
  const at::Tensor step = at::full({}, known, at::kLong);
  const at::Tensor anew = at::full({}, weights_alone ? 1 : 0, at::kLong);
  world.broadcast({step, anew});
  return {step.item<int64_t>(), anew.item<int64_t>() == 1};
}

// A loss scale is restored only from float16 to float16: other precisions save a scale of 1.
static bool starts_anew(const std::string& tensor, const Checkpoint& checkpoint,
                        c10::ScalarType precision) {
  const bool scales =
      checkpoint.config.train.precision == Precision::kFp16 && precision == at::kHalf;
  return !scales && tensor.starts_with("loss_scale");
}

static void warn_of_frozen_start(const TrainConfig& train) {
  for (const auto& [patterns, path] :
       {std::pair(&train.freeze, "/train/freeze"), {&train.train_only, "/train/train_only"}})
    if (!patterns->empty())
      log_warning(concat(path,
                         ": what is frozen keeps its random initial values, as training starts ",
                         "from no model; --init names one"));
}

// Every rank receives every tensor, one at a time, and keeps it if it stores this tensor.
void Trainer::restore(const std::optional<Checkpoint>& checkpoint) {
  world_->phase("restoring", step_);
  if (checkpoint) {
    check_same_model(config_, *checkpoint);
    take_class_names(*checkpoint, config_.model.class_names);
  }
  const Start start = agree_on_start(checkpoint, *world_);
  if (start.step < 0 && world_->is_first()) warn_of_frozen_start(config_.train);
  if (start.step < 0) return;
  const at::NoGradGuard no_grad;
  for (const auto& [path, tensors, weights] : state(/*gather=*/false)) {
    if (start.weights_alone && !weights) continue;
    std::vector<at::Tensor> saved;
    if (checkpoint) saved = section_tensors(*checkpoint, path, tensors);
    for (size_t i = 0; i < tensors.size(); ++i) {
      const auto& [name, place] = tensors[i];
      const at::Tensor values = place.is_meta() ? at::empty_like(place, device_) : place;
      if (checkpoint && !starts_anew(name, *checkpoint, precision_)) values.copy_(saved[i]);
      world_->broadcast({values});
    }
  }
  updater_->restored();
  step_ = start.step;
  statistics_->restored();
  loader_.reset();
}

}  // namespace diffuse
