// Normalised data: (x - mean) / std, channel by channel.
#pragma once

#include <memory>

#include "diffuse/data/dataset.h"

namespace diffuse {

// Over all items, in float64; the std is the population's.
ChannelMoments channel_moments(const Dataset& set);

// `set` with every channel normalised; a constant channel (std 0) is only shifted.
std::shared_ptr<const Dataset> normalized(std::shared_ptr<const Dataset> set,
                                          const ChannelMoments& moments);

// `config` with the moments its set was normalised with, so that another part of the set, and
// samples, use the same.
DataConfig with_normalization(DataConfig config, const Dataset& set);

// Samples [B, C, ...] of a model of such data -> the data's own units: x std + mean. Others as they
// are.
at::Tensor to_data_units(const at::Tensor& x, const DataConfig& config);

}  // namespace diffuse
