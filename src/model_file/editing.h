// Editing of samples with a trained model, without training for it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "diffuse/model_file/model.h"
#include "diffuse/sample/interpolate.h"

namespace diffuse {

// A model's sampling settings.
struct Sampling {
  SampleConfig config;           // the model's, overridden by flags
  GenerateOptions options;       // without labels
  std::vector<int64_t> classes;  // assigned to the samples in turn; empty = none

  // For samples from `first` on, over all timesteps.
  GenerateOptions rows(int64_t rows, int64_t first = 0) const;

  // The same for the reverse process from that model's time `t` on.
  GenerateOptions rows_from(double t, int64_t rows, const Model& model) const;
};

// Samples between a and b [1, ...] at fractions `shares` [N]: both are noised by `depth` steps of a chain, or to
// that fraction of continuous time, mixed, and denoised with the same noise for all shares, so that neighbours
// differ only in their share. All in the data's units. -> [N, ...]                 [Ho20] sec. 4.3
at::Tensor interpolate(const Model& model, const Sampling& sampling, const at::Tensor& a,
                       const at::Tensor& b, double depth, const at::Tensor& shares, Mixing mixing,
                       uint64_t seed);

// Mean squared error of the samples from x_T, on the scale [0, 1] of pixels; x0 and x_T are in the network's units.
double round_trip_error(const Model& model, const at::Tensor& x0, const at::Tensor& x_T,
                        GenerateOptions options);

enum class Denoising {
  kExpected,  // E[x_0 | y], in one shot
  kReverse,   // one sample of x_0 given y, by the reverse process
};

// One of the data's units of noise, in the network's units: where channels have scales of their own, the
// standard deviation of each, which is logged.
double noise_unit(const Model& model);

// The mean of estimate_sigma() over images [B, C, H, W].
double mean_noise(const at::Tensor& images);

// The peak signal-to-noise ratio of x [B, ...] in dB, for a range of values of 2; images are clamped to it.
double psnr(const at::Tensor& x, const at::Tensor& clean, bool is_image);

// y = x_0 + sigma eps [B, ...] -> x_0, both in the network's units.
at::Tensor denoise(const Model& model, const Sampling& sampling, const at::Tensor& y, double sigma,
                   Denoising mode, uint64_t seed);

}  // namespace diffuse
