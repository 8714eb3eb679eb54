// What the diffusion code calls a network, and how one is made from a config.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "diffuse/config/config.h"

namespace diffuse {

// x_t [B, sample_shape...], time [B] in any type, labels [B] int64 or undefined -> [B, ...] with as many
// channels as x, or twice as many where the variance is learned: the prediction, then what the
// variance is made of. A label equal to `classes` means "no class", and so do undefined labels.
// A self-conditioned network takes x_t with the last x_0 behind it, as many channels again; without,
// it takes zeros for it.                                                              [Chen22]
class Network : public torch::nn::Module {
 public:
  virtual at::Tensor forward(const at::Tensor& x, const at::Tensor& time,
                             const at::Tensor& labels) = 0;
  virtual bool self_conditioned() const { return false; }
  // From now on keeps less for the backward pass and computes it again: the same gradients from less
  // memory. Without effect on networks that are small anyway.
  virtual void checkpoint_gradients() {}
};

// What belongs to what a network is told of the time, [B] float64 each: it is given c_in x_t with
// x_t = a x_0 + s ε, and is to say p x_0 + q ε. An exact network must know; the others learn.
struct OracleLevels {
  at::Tensor a, s, p, q, c_in;
};
using OracleView = std::function<OracleLevels(const at::Tensor& time)>;

// Builds the network of a config whose sample_shape is filled in. `view` is for the oracles alone. The
// weights are a function of (config, seed); on the meta device they have shapes
// alone and take no memory. Throws Error naming the JSON path where sizes do not fit each other or
// the data.
std::shared_ptr<Network> make_network(const ModelConfig& config, bool learned_variance,
                                      const OracleView& view, uint64_t seed,
                                      at::Device device = at::kCPU);

// Heads of an attention over so many channels; 0 where they cannot be split evenly.
int64_t attention_heads(const ModelConfig& config, int64_t channels);

int64_t parameter_count(const torch::nn::Module& module);

}  // namespace diffuse
