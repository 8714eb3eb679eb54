#include "direct_gradients.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "ops/cuda/sums.h"

namespace diffuse {

// What is to be added to gradients that lie in one memory.
struct DirectGradients::Pending {
  const void* memory;
  std::vector<ops::cuda::Addition> additions{};
  std::vector<ops::cuda::ColumnTotals> totals{};
  std::unordered_set<const void*> places{};  // that these add to

  void launch() {
    places.clear();
    ops::cuda::add_all(std::exchange(additions, {}));
    ops::cuda::total_columns(std::exchange(totals, {}), true);
  }

  // Before more is added to the gradients: a launch adds to each place once, though a parameter may be used
  // several times.
  void take(const std::vector<at::Tensor>& gradients) {
    const auto taken = [&](const at::Tensor& x) {
      return x.defined() && places.contains(x.const_data_ptr());
    };
    if (std::any_of(gradients.begin(), gradients.end(), taken)) launch();
    for (const at::Tensor& x : gradients)
      if (x.defined()) places.insert(x.const_data_ptr());
  }

  // Full launches do not wait for more, which would keep their memory.
  void launch_if_full() {
    if (std::max(additions.size(), totals.size()) == ops::cuda::kMostOfLaunch) launch();
  }
};

static thread_local const void* memory_in_scope = nullptr;  // that of the innermost scope

// Of all threads: backward passes run on their own.
static std::mutex mutex;
static std::map<const void*, DirectGradients::Pending*> scopes;

static const void* memory_of(const at::Tensor& x) { return x.storage().data(); }

// Null if the scope of such gradients has gone.
static DirectGradients::Pending* pending_of(const at::Tensor& gradient) {
  const auto found = scopes.find(memory_of(gradient));
  return found == scopes.end() ? nullptr : found->second;
}

DirectGradients::DirectGradients(const at::Tensor& all)
    : pending_(std::make_unique<Pending>(memory_of(all))),
      outer_(std::exchange(memory_in_scope, pending_->memory)) {
  const std::scoped_lock lock(mutex);
  scopes[pending_->memory] = pending_.get();
}

DirectGradients::~DirectGradients() {
  const std::scoped_lock lock(mutex);
  scopes.erase(pending_->memory);
  memory_in_scope = outer_;
}

at::Tensor DirectGradients::of(const at::Tensor& x) {
  if (memory_in_scope == nullptr || !x.requires_grad() || !x.is_leaf()) return {};
  const at::Tensor& gradient = x.grad();
  return gradient.defined() && memory_of(gradient) == memory_in_scope ? gradient : at::Tensor();
}

void DirectGradients::add(const at::Tensor& gradient, const at::Tensor& part) {
  const std::scoped_lock lock(mutex);
  Pending* const pending = pending_of(gradient);
  if (pending == nullptr) return ops::cuda::add_all({{gradient, part}});
  pending->take({gradient});
  pending->additions.push_back({gradient, part});
  pending->launch_if_full();
}

void DirectGradients::add_columns(const at::Tensor& rows,
                                  const std::vector<at::Tensor>& gradients) {
  const std::scoped_lock lock(mutex);
  Pending* const pending = pending_of(gradients.at(0));
  if (pending == nullptr) return ops::cuda::total_columns({{rows, gradients}}, true);
  pending->take(gradients);
  pending->totals.push_back({rows, gradients});
  pending->launch_if_full();
}

void DirectGradients::finish() {
  const std::scoped_lock lock(mutex);
  pending_->launch();
}

}  // namespace diffuse
