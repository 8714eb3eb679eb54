// Embeddings of classes and of time.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "linear.h"

namespace diffuse {

class Embedding : public torch::nn::Module {
 public:
  Embedding(Initializer& init, int64_t rows, int64_t width);
  at::Tensor forward(const at::Tensor& index) const;  // [B] int64 -> [B, width]
  int64_t rows() const { return weight_.size(0); }

 private:
  at::Tensor weight_;
};

// Sinusoids of t at geometrically decreasing frequencies f_i = exp(-i ln 10000 / (half - shift)).
// t [B] -> float32 [B, width]: sines then cosines, or the reverse. [Vaswani17] sec. 3.5
at::Tensor sinusoidal_embedding(const at::Tensor& t, int64_t width, bool cosines_first,
                                double frequency_shift);

// t -> sinusoids -> linear_1 -> silu -> linear_2.
class TimeEmbedding : public torch::nn::Module {
 public:
  TimeEmbedding(Initializer& init, int64_t in, int64_t out);
  at::Tensor forward(const at::Tensor& sinusoids) const;  // [B, in] -> [B, out]

 private:
  std::shared_ptr<Linear> linear_1_, linear_2_;
};

// A vector with a 1 behind it [B, n + 1] through a small MLP, like the time; undefined = none, as zeros.
at::Tensor embedded_condition(const TimeEmbedding& layers, const at::Tensor& condition,
                              const at::Tensor& time, int64_t n, at::ScalarType dtype);

// The labels, or if undefined "no class" for each of the B times: int64 [B].
at::Tensor labels_or_none(const at::Tensor& labels, const at::Tensor& time, int64_t classes);

}  // namespace diffuse
