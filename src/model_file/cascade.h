// Two models as one: samples of a base model are what a super-resolution model enlarges.         [Ho22b]
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "diffuse/distributed/world.h"
#include "diffuse/model_file/model.h"
#include "src/model_file/editing.h"

namespace diffuse {

struct Cascade {
  Model base;
  Sampling sampling;  // of the base
  // Of the noise that is added to the base's samples, as in the second model's training: 0 to 1, its share of
  // condition.noise.
  double level = 0;
};

// `noise`: the standard deviation of the added noise; by default half of the second model's condition.noise. Throws
// Error naming --cascade or --cascade-noise if the models do not fit.
Cascade make_cascade(Model base, Sampling sampling, const Model& second,
                     std::optional<double> noise);

// The second model's conditions [B, ...]: the base's samples of `keys`, those that `diffuse sample` draws of it,
// enlarged. Labels in turn are those of samples from `first` on. All processes must call it, and get all rows.
at::Tensor cascade_condition(const Cascade& cascade, const Model& second,
                             std::span<const StreamKey> keys, int64_t first, World& world,
                             const StepCallback& on_step = {});

// The second model's keys: with the base's, its noise would begin with the numbers of the base's.
std::vector<StreamKey> second_keys(std::span<const StreamKey> keys);

}  // namespace diffuse
