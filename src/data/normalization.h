// Data in the network's units: (x - mean) / std, channel by channel. data.normalize uses the moments of the
// data; data.range uses the middle of the range and half its length.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "diffuse/data/dataset.h"

namespace diffuse {

// Over all items, in float64; the std is the population's.
ChannelMoments channel_moments(const Dataset& set);

// `set` with every channel normalised; a constant channel (std 0) is only shifted.
std::shared_ptr<const Dataset> normalized(std::shared_ptr<const Dataset> set,
                                          const ChannelMoments& moments);

// `config` with the moments of its normalised set, for use with samples and other parts of the set.
DataConfig with_normalization(DataConfig config, const Dataset& set);

// One number per channel -> [1, C, 1, ...], which broadcasts with x [B, C, ...].
at::Tensor by_channel(const std::vector<double>& numbers, const at::Tensor& x);

// Samples [B, C, ...] in the network's units -> the data's units: x std + mean. Without normalisation, x
// unchanged.
at::Tensor to_data_units(const at::Tensor& x, const DataConfig& config);

// Items of a set in the data's units.
at::Tensor gather_data_units(const Dataset& set, std::span<const int64_t> indices);

// The inverse: (x - mean) / std.
at::Tensor to_network_units(const at::Tensor& x, const DataConfig& config);

// The mean over channels of log2 std: a density's bits per dimension in the data's units minus those in the
// network's units. Channels have equal size.
double log2_scale(const DataConfig& config);

// The numbers shown as black and white in pictures of the data: the ends of data.range, else -1 and 1. If
// the moments of normalize imply numbers outside [-1, 1], mean -+ 2.5 std over all channels.
std::pair<double, double> picture_range(const DataConfig& config);

// Images [B, C, H, W] in the data's units -> [-1, 1], for pictures.
at::Tensor to_picture_range(const at::Tensor& x, const DataConfig& config);

// The inverse: pixels from -1 to 1 [B, C, H, W] -> the data's units.
at::Tensor from_picture_range(const at::Tensor& x, const DataConfig& config);

}  // namespace diffuse
