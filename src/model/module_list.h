// A list of modules of one type.
#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace diffuse {

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

}  // namespace diffuse
