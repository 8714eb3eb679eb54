#include "direct_gradients.h"

#include <mutex>
#include <unordered_set>
#include <utility>

#include "ops/cuda/sums.h"

namespace diffuse {

static thread_local bool here = false;

// Of all threads: backward passes run on their own.
static std::mutex mutex;
static bool open = false;
static std::vector<ops::cuda::Addition> additions;
static std::vector<ops::cuda::ColumnTotals> totals;
static std::unordered_set<const void*> places;  // that are to be added to

static void add_pending() {
  places.clear();
  ops::cuda::add_all(std::exchange(additions, {}));
  ops::cuda::total_columns(std::exchange(totals, {}), true);
}

// A parameter that is used twice is added to twice, one after the other.
static void take_place(const at::Tensor& gradient) {
  if (gradient.defined() && !places.insert(gradient.const_data_ptr()).second) add_pending();
}

DirectGradients::DirectGradients() {
  const std::scoped_lock lock(mutex);
  here = open = true;
}

DirectGradients::~DirectGradients() {
  const std::scoped_lock lock(mutex);
  here = open = false;
  additions.clear();  // of a backward pass that failed
  totals.clear();
  places.clear();
}

at::Tensor DirectGradients::of(const at::Tensor& x) {
  return here && x.requires_grad() && x.is_leaf() ? x.grad() : at::Tensor();
}

void DirectGradients::add(const at::Tensor& gradient, const at::Tensor& part) {
  const std::scoped_lock lock(mutex);
  take_place(gradient);
  additions.push_back({gradient, part});
  if (!open) add_pending();
}

void DirectGradients::add_columns(const at::Tensor& rows,
                                  const std::vector<at::Tensor>& gradients) {
  const std::scoped_lock lock(mutex);
  for (const at::Tensor& gradient : gradients) take_place(gradient);
  totals.push_back({rows, gradients});
  if (!open) add_pending();
}

void DirectGradients::finish() {
  const std::scoped_lock lock(mutex);
  add_pending();
}

}  // namespace diffuse
