// Data in units of the network's: (x - mean) / std, channel by channel. data.normalize takes the data's
// moments; data.range the middle of a range and half its length.
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

// `config` with the moments its set was normalised with, so that another part of the set, and
// samples, use the same.
DataConfig with_normalization(DataConfig config, const Dataset& set);

// One number a channel -> [1, C, 1, ...], to go with x [B, C, ...].
at::Tensor by_channel(const std::vector<double>& numbers, const at::Tensor& x);

// Samples [B, C, ...] of a model of such data -> the data's own units: x std + mean. Others as they
// are.
at::Tensor to_data_units(const at::Tensor& x, const DataConfig& config);

// Items of a set in the data's own units.
at::Tensor gather_data_units(const Dataset& set, std::span<const int64_t> indices);

// The way back: (x - mean) / std.
at::Tensor to_network_units(const at::Tensor& x, const DataConfig& config);

// The mean over channels of log2 std: what a density's bits per dimension in the network's units lack of
// those in the data's. Channels are of one size.
double log2_scale(const DataConfig& config);

// The numbers that a picture of the data shows as black and white: the ends of data.range, else
// -1 and 1 unless the moments of normalize say that the data go beyond; then 2.5 std either way.
std::pair<double, double> picture_range(const DataConfig& config);

// Images [B, C, H, W] in the data's units -> [-1, 1], as pictures are made of; others as they are.
at::Tensor to_picture_range(const at::Tensor& x, const DataConfig& config);

// The way back: pixels from -1 to 1 [B, C, H, W] as numbers in the data's units.
at::Tensor from_picture_range(const at::Tensor& x, const DataConfig& config);

}  // namespace diffuse
