// A batch of samples from a network: noise by key, labels, guidance, precision.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <optional>
#include <span>

#include "diffuse/core/random_tensor.h"
#include "diffuse/model/network.h"
#include "diffuse/sample/sampler.h"

namespace diffuse {

// The network with labels and guidance bound in. Where it is self-conditioned, x [B, 2C, ...] holds
// the last x_0 behind x_t.
//   labels [B] int64, or undefined for an unconditional network; `classes` means "no class".
//   guidance w: eps = eps_none + w (eps_label - eps_none)  [Ho22, with w = 1 plain conditional];
//   a learned variance stays that of the labels
Denoiser bind_labels(Network& network, const at::Tensor& labels, int64_t classes, double guidance,
                     bool learned_variance);

// Labels of samples `first` .. first + n - 1 of those that take 0, 1, ..., classes - 1, 0, ...; undefined
// where there are no classes.
at::Tensor round_robin_labels(int64_t n, int64_t classes, int64_t first = 0);

struct GenerateOptions {
  SamplerOptions sampler;
  std::vector<int64_t> shape;  // of one sample
  at::Tensor labels{};         // int64 [B]; undefined = none
  int64_t classes = 0;
  double guidance = 1.0;
  // Of the noise levels where guidance acts, σ = s / a from lo to hi; empty = all   [Kynkaanniemi24]
  std::vector<double> guidance_interval{};
  // A worse model of the same kind, which guidance leads away from in place of "no class" [Karras24b]
  std::shared_ptr<Network> guide{};
  at::Tensor start{};  // x_T [B, shape...]; undefined = drawn from the keys
  // x_0 [1 or B, shape...] whose draw from q(x_t | x_0) at the first timestep is the start; undefined
  // = pure noise [Meng22]
  at::Tensor from{};
  // All samples are one until they leave this timestep: x_T and the noise above it are those of
  // `shared`. [Ho20] fig. 7
  std::optional<double> share_from{};
  StreamKey shared{};
  c10::Device device = c10::kCPU;
  c10::ScalarType precision = c10::kFloat;  // of the network's products and convolutions
};

// The network as samplers call it: labels and guidance bound in, float32 out. Its weights must not
// change meanwhile. A self-conditioned one remembers the x_0 of its last call: make one for each
// batch.
Denoiser make_denoiser(Network& network, const GaussianDiffusion& diffusion,
                       const GenerateOptions& options);

// Noise whose row b comes from stream (keys[b], purpose, t), on options.device.
NoiseSource keyed_noise(std::span<const StreamKey> keys, Purpose purpose,
                        const GenerateOptions& options);

// The state that a sampler starts from: N(0, 1) noise at the size that x_t has at the first of its times.
at::Tensor start_of(const GaussianDiffusion& diffusion, const SamplerOptions& options,
                    const at::Tensor& noise);

// keys [B] -> float32 [B, shape...] on `device`. Row b depends on keys[b] and its label alone.
at::Tensor generate(Network& network, const GaussianDiffusion& diffusion,
                    std::span<const StreamKey> keys, const GenerateOptions& options,
                    const StepCallback& callback = {});

}  // namespace diffuse
