// Observes the output of each layer, to find where numbers become non-finite.
#pragma once

#include <torch/nn/module.h>

#include <functional>

namespace diffuse {

// While one exists, `see` is called with each layer's output on this thread.
class LayerWatch {
 public:
  using See = std::function<void(const torch::nn::Module& layer, const at::Tensor& output)>;
  explicit LayerWatch(See see);
  ~LayerWatch();
  LayerWatch(const LayerWatch&) = delete;
  LayerWatch& operator=(const LayerWatch&) = delete;

  static bool active();  // on this thread

  // For layers: passes the output to the current watch, if any, and returns it.
  static at::Tensor watched(const torch::nn::Module& layer, at::Tensor output);

 private:
  See see_;
};

}  // namespace diffuse
