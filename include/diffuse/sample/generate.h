// A batch of samples from a network: keyed noise, labels, guidance, precision.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <memory>
#include <optional>
#include <span>

#include "diffuse/core/random_tensor.h"
#include "diffuse/model/network.h"
#include "diffuse/sample/sampler.h"

namespace diffuse {

class SampleGraphs;

// The network with what it is given, and guidance, bound. If it is self-conditioned, x [B, 2C, ...] has the
// previous x_0 after x_t.
//   guidance w: eps = eps_none + w (eps_given - eps_none)  [Ho22, with w = 1 plain conditional];
//   a learned variance is that with what is given
Denoiser bind_conditioning(Network& network, const Conditioning& given, const Conditioning& none,
                           double guidance, bool learned_variance);

// Labels of samples `first` .. first + n - 1 in the sequence 0, 1, ..., classes - 1, 0, ...; undefined
// without classes.
at::Tensor round_robin_labels(int64_t n, int64_t classes, int64_t first = 0);

struct GenerateOptions {
  SamplerOptions sampler;
  std::vector<int64_t> shape;  // of one sample
  at::Tensor labels{};         // int64 [B]; undefined = none
  int64_t classes = 0;
  at::Tensor condition{};  // [B, ...]: Conditioning::condition; undefined = none
  // What the condition is: samples are made to fit it (sample/fitted.h), and known values of a mask stay known.
  ConditionConfig condition_config{};
  // Whether "none" in guidance is without class, and without condition: what training never dropped stays.
  bool drops_labels = true, drops_condition = true;
  double guidance = 1.0;
  // Guidance is used only for σ = s / a from lo to hi; empty = everywhere            [Kynkaanniemi24]
  std::vector<double> guidance_interval{};
  // A worse model of the same kind, which replaces "no class" in guidance; null = none [Karras24b]
  std::shared_ptr<Network> guide{};
  at::Tensor start{};  // x_T [B, shape...]; undefined = drawn from the keys
  // x_0 [1 or B, shape...]: sampling starts from a draw of q(x_t | x_0) at the first timestep; undefined =
  // from pure noise [Meng22]
  at::Tensor from{};
  // All samples are the same down to this timestep: x_T and the noise above it are those of
  // `shared`. [Ho20] fig. 7
  std::optional<double> share_from{};
  StreamKey shared{};
  c10::Device device = c10::kCPU;
  c10::ScalarType precision = c10::kFloat;  // of the network's matrix products and convolutions
  // Keeps what the network's calls launch on a GPU, by shape, for later batches of the same network, whose
  // weights must not change meanwhile; null: launches kernel by kernel.
  std::shared_ptr<SampleGraphs> graphs{};
};

// Null where calls of networks on the device cannot be recorded.
std::shared_ptr<SampleGraphs> make_sample_graphs(c10::Device device);

// The network as a function for samplers: conditioning and guidance bound, float32 output. Its weights must not
// change meanwhile. A self-conditioned one remembers the x_0 of its last call: make one per batch.
Denoiser make_denoiser(Network& network, const GaussianDiffusion& diffusion,
                       const GenerateOptions& options);

// Noise whose row b comes from stream (keys[b], purpose, t), on options.device.
NoiseSource keyed_noise(std::span<const StreamKey> keys, Purpose purpose,
                        const GenerateOptions& options);

// A sampler's initial state: N(0, I) noise scaled to x_t's standard deviation at the first time.
at::Tensor start_of(const GaussianDiffusion& diffusion, const SamplerOptions& options,
                    const at::Tensor& noise);

// keys [B] -> float32 [B, shape...] on `device`. Row b depends only on keys[b], its label and its condition.
at::Tensor generate(Network& network, const GaussianDiffusion& diffusion,
                    std::span<const StreamKey> keys, const GenerateOptions& options,
                    const StepCallback& callback = {});

}  // namespace diffuse
