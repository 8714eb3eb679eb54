// Embeddings of classes, of time and of vectors.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "diffuse/model/network.h"
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

// SiLU of the sum of the embeddings of the time, of the class and of a vector as condition, where the config has
// them.
class Embeddings {
 public:
  // From sinusoids of `in` numbers to `out`. Registers the layers in `owner`.
  Embeddings(torch::nn::Module& owner, Initializer& init, const ModelConfig& config, int64_t in,
             int64_t out);

  // time [B] -> [B, out]. Undefined labels mean "no class". A vector is a condition [B, n + 1] with a 1 behind its
  // n numbers; an undefined one is all zeros.
  at::Tensor operator()(const at::Tensor& time, const Conditioning& given,
                        at::ScalarType dtype) const;

 private:
  at::Tensor labels_or_none(const at::Tensor& labels, const at::Tensor& time) const;
  at::Tensor vector_or_none(const at::Tensor& vector, const at::Tensor& time) const;

  ModelConfig config_;
  int64_t in_;
  std::shared_ptr<TimeEmbedding> time_;
  std::shared_ptr<Embedding> class_;       // null without classes; the last row is "no class"
  std::shared_ptr<TimeEmbedding> vector_;  // null without a vector
};

}  // namespace diffuse
