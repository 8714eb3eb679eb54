// Conditions: what a conditional network is given beside x_t, derived from the samples or stored with them.
//
// One tensor for a batch, float32, in the network's units; a row of zeros means "no condition":
//   downscale  [B, C, H, W]: the area means of factor x factor pixels, enlarged again to an image of the same
//              area means                                                                  [Saharia21]
//   grey       [B, 1, H, W]: 0.299 R + 0.587 G + 0.114 B                                   [Saharia22b]
//   mask       [B, C + M, ...]: the known values, zero elsewhere, then the mask, 1 where known; M is 1 for
//              images, C for signals                                                       [Tashiro21]
//   image      [B, K, ...] as stored, of the samples' height and width, or length
//   vector     [B, D + 1]: the stored numbers, then a 1
// With condition.noise one more channel follows: the level of the noise that was added, from 0 to 1.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "diffuse/config/config.h"
#include "diffuse/core/random_tensor.h"
#include "diffuse/data/dataset.h"

namespace diffuse {

// A model's config with the condition's sizes filled in, for samples like the set's. Throws Error naming the
// JSON path if the data do not fit the condition.
ModelConfig with_condition_of(ModelConfig model, const ConditionConfig& config,
                              const Dataset& data);

// The condition of samples x0 [B, ...] in the network's units, on their device, without added noise; undefined
// for the type none. `stored` is Dataset::condition() of the items. Row b's mask is a function of keys[b].
at::Tensor condition_of(const ConditionConfig& config, const at::Tensor& x0,
                        const at::Tensor& stored, std::span<const StreamKey> keys);

// The same of items of a set; item i's mask is a function of (seed, i).
at::Tensor condition_of_items(const ConditionConfig& config, const Dataset& set,
                              std::span<const int64_t> items, uint64_t seed);

// The items' classes, which belong to their conditions: int64 [B]; undefined for a set without classes.
at::Tensor labels_of_items(const Dataset& set, std::span<const int64_t> items);

// The same for training: with noise at a level of each key's, and zeros in a share of the rows.
at::Tensor training_condition(const ConditionConfig& config, const at::Tensor& x0,
                              const at::Tensor& stored, std::span<const StreamKey> keys);

// `condition` with noise of standard deviation level * config.noise, [B] from 0 to 1, added to its values.
at::Tensor with_condition_noise(const ConditionConfig& config, const at::Tensor& condition,
                                const at::Tensor& level, std::span<const StreamKey> keys);

// The last steps of condition_of, for conditions that are given: images at low resolution [B, C, H / factor,
// W / factor] enlarged to H x W; values and mask; what is stored. A channel without noise follows where the
// config has one.
at::Tensor enlarged_condition(const ConditionConfig& config, const at::Tensor& low, int64_t height,
                              int64_t width);
at::Tensor masked_condition(const at::Tensor& values, const at::Tensor& known);
at::Tensor stored_condition(const ConditionConfig& config, const at::Tensor& stored);

// Conditions [B, ...] as samples of `channels` channels, for pictures; undefined for vectors.
at::Tensor shown_condition(const ConditionConfig& config, const at::Tensor& condition,
                           int64_t channels);

}  // namespace diffuse
