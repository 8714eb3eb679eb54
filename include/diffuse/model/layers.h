// The few layers that the networks are made of. Names and shapes of parameters are PyTorch's, so
// weights interchange; the values come from our own random streams instead of a global generator.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "diffuse/model/group_norm.h"

namespace diffuse {

// Starting values of parameters. The n-th tensor drawn uses stream (seed, kInit, n).
class Initializer {
 public:
  // On the meta device parameters have their shapes and no values.
  explicit Initializer(uint64_t seed, at::Device device = at::kCPU)
      : seed_(seed), device_(device) {}

  // U(-b, b), b = sqrt(3 scale / mean(fan_in, fan_out)); shape [out, in, ...]. [Ho20] nn.py
  // The values are those of the shape, whatever the order they lie in.
  at::Tensor variance_scaling(at::IntArrayRef shape, double scale = 1.0,
                              at::MemoryFormat format = at::MemoryFormat::Contiguous);

  at::Tensor normal(at::IntArrayRef shape);  // N(0, 1)

  at::Tensor full(int64_t size, double value) const;  // [size]

  uint32_t next_dropout() { return dropouts_++; }  // numbers the layers with dropout from 0

 private:
  uint64_t seed_;
  at::Device device_;
  uint64_t drawn_ = 0;
  uint32_t dropouts_ = 0;
};

// Layers that end a residual branch, and the last one of a network, start almost at zero. [Ho20]
inline constexpr double kNearZero = 1e-10;

// Shown what each layer gives, on this thread, while it lives: to find where numbers go wrong.
class LayerWatch {
 public:
  using See = std::function<void(const torch::nn::Module& layer, const at::Tensor& output)>;
  explicit LayerWatch(See see);
  ~LayerWatch();
  LayerWatch(const LayerWatch&) = delete;
  LayerWatch& operator=(const LayerWatch&) = delete;

 private:
  See see_;
};

class Linear : public torch::nn::Module {
 public:
  Linear(Initializer& init, int64_t in, int64_t out, double scale = 1.0);
  at::Tensor forward(const at::Tensor& x) const;  // [..., in] -> [..., out]

 private:
  at::Tensor weight_, bias_;
};

// Kernel, stride and zeros on both sides of a convolution: of an image, the same along H and W; of a
// signal, which is an image of height 1, along W alone.
struct Window {
  int64_t kernel, stride, padding;
  bool signal = false;
};

class Conv2d : public torch::nn::Module {
 public:
  Conv2d(Initializer& init, int64_t in, int64_t out, const Window& window, double scale = 1.0);
  // [B, in, H, W] -> [B, out, H', W']; more_bias [out] or undefined: added as well.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& more_bias = {}) const;

  // A 1x1 convolution without its bias, added to h [B, out, H, W]: of x and, where defined, of skip, the
  // channels after those of x. Overwrites h where no gradient is wanted.
  at::Tensor added_products(const at::Tensor& h, const at::Tensor& x, const at::Tensor& skip) const;
  const at::Tensor& bias() const { return bias_; }

 private:
  at::Tensor weight_, bias_;
  Window window_;
};

class GroupNorm : public torch::nn::Module {
 public:
  GroupNorm(const Initializer& init, int64_t groups, int64_t channels, double eps);

  // x [B, C, H, W] -> act(norm(x + shift)), its dtype kept; shift [B, C] or undefined; skip: more
  // channels after those of x, or undefined
  at::Tensor forward(const at::Tensor& x, Activation activation, const at::Tensor& shift = {},
                     const at::Tensor& skip = {}) const;

  // x [B, C, H, W], scale and offset [B, C] -> silu(norm(x) (1 + scale) + offset)
  at::Tensor modulated_silu(const at::Tensor& x, const at::Tensor& scale,
                            const at::Tensor& offset) const;

 private:
  at::Tensor weight_, bias_;
  int64_t groups_;
  double eps_;
};

class Embedding : public torch::nn::Module {
 public:
  Embedding(Initializer& init, int64_t rows, int64_t width);
  at::Tensor forward(const at::Tensor& index) const;  // [B] int64 -> [B, width]
  int64_t rows() const { return weight_.size(0); }

 private:
  at::Tensor weight_;
};

// Modules under the names "0", "1", ...
template <class T>
class ModuleList : public torch::nn::Module {
 public:
  template <class... Args>
  void add(Args&&... args) {
    items_.push_back(register_module(std::to_string(items_.size()),
                                     std::make_shared<T>(std::forward<Args>(args)...)));
  }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  bool empty() const { return items_.empty(); }
  size_t size() const { return items_.size(); }
  T& operator[](size_t i) const { return *items_[i]; }

 private:
  std::vector<std::shared_ptr<T>> items_;
};

// silu(x); overwrites x where no gradient is wanted. For values that have no other reader.
at::Tensor silu_consuming(at::Tensor x);

// Sinusoids of t at geometrically falling frequencies f_i = exp(-i ln 10000 / (half - shift)).
// t [B] -> float32 [B, width]: sines then cosines, or the other way round. [Vaswani17] sec. 3.5
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

// The labels, or where there are none "no class" for each of the B times: int64 [B].
at::Tensor labels_or_none(const at::Tensor& labels, const at::Tensor& time, int64_t classes);

// x [B, c, ...] -> [B, channels, ...] with zeros behind.
at::Tensor zero_pad_channels(const at::Tensor& x, int64_t channels);

}  // namespace diffuse
