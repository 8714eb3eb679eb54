// The training objective: rows of a batch -> their losses.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "diffuse/config/config.h"
#include "diffuse/diffusion/gaussian_diffusion.h"
#include "diffuse/distributed/world.h"
#include "diffuse/model/network.h"
#include "diffuse/model_file/checkpoint.h"
#include "src/data/batch_loader.h"
#include "src/diffusion/timestep_sampler.h"
#include "src/model/dropout_scope.h"
#include "src/train/learned_weighting.h"

namespace diffuse {

// Rows of a batch with their random numbers, which are drawn on the CPU and moved to the training device.
struct TrainingRows {
  at::Tensor x0;           // float32 [B, ...]
  at::Tensor eps;          // N(0, 1), like x0
  at::Tensor t;            // [B]: int64 rows of a chain, else float64
  at::Tensor weight;       // float32 [B]: of each loss, so that their mean is that over a uniform t
  at::Tensor labels;       // int64 [B], some of them "no class"; undefined without classes
  at::Tensor condition{};  // Conditioning::condition, some rows zero; undefined without one
  bool own_x0 = false;     // a self-conditioned network is given an x_0 of its own
  at::Tensor
      keys{};  // int64 [B, 2]: the samples' streams, for the device's own kernels; undefined without
  DropoutScope::Keys dropout;  // the same for dropout on the CPU
  uint64_t dropout_seed = 0;   // elsewhere: the seed of LibTorch's generator
};

// Owns the diffusion and the timestep sampler. Drawing and computing are separate, so that the random numbers
// are inputs of the computation.
class Objective {
 public:
  // Throws Error naming the JSON path if the loss cannot train the network's output.
  Objective(const Config& config, c10::Device device, c10::ScalarType precision);

  const GaussianDiffusion& diffusion() const { return diffusion_; }

  // What is trained together with the network.
  NamedModules modules() const;

  // Rows of the batch of update `step`. Each row's random numbers are functions of (seed, sample number)
  // and, for the importance sampler, of the losses before this update.
  TrainingRows draw(const Batch& rows, int64_t step);

  // [B] by config.diffusion.loss, unweighted; with a mask as condition means over the unknown values.
  at::Tensor losses(Network& network, const TrainingRows& rows) const;

  // The rows' contribution to the mean loss of the whole batch (scalar), with the learned weighting if there is
  // one.
  at::Tensor part_of_mean(const at::Tensor& losses, const TrainingRows& rows) const;

  // The bin of each row's timestep, of kTimestepBins equal ones: int64 [B].
  at::Tensor timestep_bins(const TrainingRows& rows) const;

  // Whether observe() has a use for the losses.
  bool learns_times() const { return timesteps_.learns(); }

  // Updates the timestep sampler, if it needs it, with the unweighted losses of this process's rows of update
  // `step`; all processes must call it.
  void observe(const at::Tensor& losses, int64_t step, World& world);

  // The tensors, not copies, of a checkpoint's section "timestep_sampler".
  NamedTensors state() const { return timesteps_.state(); }

 private:
  at::Tensor drop_labels(const at::Tensor& labels, std::span<const StreamKey> keys) const;
  Denoiser self_conditioned(const Denoiser& plain) const;

  Config config_;
  c10::Device device_;
  c10::ScalarType precision_;
  GaussianDiffusion diffusion_;
  TimestepSampler timesteps_;
  std::shared_ptr<LearnedWeighting> weighting_;  // null: losses are not weighted
};

}  // namespace diffuse
