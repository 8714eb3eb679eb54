// The network interface of the diffusion code, and its factory.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "diffuse/config/config.h"

namespace diffuse {

// What the rows of a batch are conditioned on; undefined = nothing. Labels alone convert to it.
struct Conditioning {
  Conditioning(at::Tensor labels = {}, at::Tensor condition = {})  // NOLINT: implicit
      : labels(std::move(labels)), condition(std::move(condition)) {}

  at::Tensor labels;  // int64 [B]; the label `classes` means "no class"
  // float32 [B, condition_channels, H, W] or [B, condition_channels, L], or [B, condition_size + 1], a vector
  // and a 1; a row of zeros means "no condition". data/condition.h makes it.
  at::Tensor condition;
};

// x_t [B, sample_shape...], time [B] of any dtype -> [B, ...] with as many channels as x, or twice as many
// with learned variance: the prediction, then the parameters of the variance. A self-conditioned network
// takes x_t followed by the previous x_0, as many channels again; without it, zeros.        [Chen22]
class Network : public torch::nn::Module {
 public:
  virtual at::Tensor forward(const at::Tensor& x, const at::Tensor& time,
                             const Conditioning& given) = 0;
  virtual bool self_conditioned() const { return false; }
  // From now on stores less for the backward pass and recomputes it (gradient checkpointing): the same
  // gradients from less memory. No effect on small networks.
  virtual void checkpoint_gradients() {}
};

// The levels behind the times given to a network, [B] float64 each: its input is c_in x_t with x_t = a x_0 +
// s ε, its output p x_0 + q ε. Oracles need them; other networks learn them.
struct OracleLevels {
  at::Tensor a, s, p, q, c_in;
};
using OracleView = std::function<OracleLevels(const at::Tensor& time)>;

// Builds the network of a config whose sample_shape is set. `view` is only for oracles. The weights are a
// function of (config, seed); on the meta device they have shapes but take no memory. Throws Error naming the
// JSON path if sizes do not fit each other or the data.
std::shared_ptr<Network> make_network(const ModelConfig& config, bool learned_variance,
                                      const OracleView& view, uint64_t seed,
                                      at::Device device = at::kCPU);

// The number of attention heads for `channels` channels; 0 if they cannot be split evenly.
int64_t attention_heads(const ModelConfig& config, int64_t channels);

int64_t parameter_count(const torch::nn::Module& module);

}  // namespace diffuse
