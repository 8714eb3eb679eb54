#include "src/distributed/gradient_reducer.h"

#include <algorithm>
#include <atomic>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include "src/core/duration.h"
#include "world_parts.h"

namespace diffuse {

using c10::ivalue::Future;

struct GradientReducer::State {
  State(World& of, bool compress) : world(of), bf16(compress) {}

  World& world;
  const bool bf16;
  std::unique_ptr<c10d::Reducer> reducer;
  ReduceTimes times;
  // Of the current pass; buckets start on the thread that computes.
  double first_start = 0, last_start = 0;  // seconds_now()
  std::atomic<double> last_end{0};
};

namespace {

// Starts a bucket's all-reduce once its gradients are ready. c10d's own hooks divide by the number of
// processes; here each gradient is already a part of the sum.
template <class State>
class SumHook : public c10d::CppCommHookInterface<State*> {
 public:
  SumHook(State* state, c10::intrusive_ptr<c10d::ProcessGroup> group, Monitor& monitor)
      : c10d::CppCommHookInterface<State*>(state), group_(std::move(group)), monitor_(monitor) {}

  c10::intrusive_ptr<Future> runHook(c10d::GradBucket& bucket) override {
    State* const state = this->state_;
    state->last_start = seconds_now();
    if (bucket.getIndex() == 0) state->first_start = state->last_start;
    monitor_.begin_collective();
    const at::Tensor& gradients = bucket.getBuffer();
    std::vector<at::Tensor> sent{state->bf16 ? gradients.to(at::kBFloat16) : gradients};
    const auto sum = group_->allreduce(sent)->getFuture();
    return sum->then(
        [state, gradients](Future& future) {
          const at::Tensor result = future.value().toTensorVector()[0];
          if (state->bf16) gradients.copy_(result);
          state->last_end = seconds_now();
          return c10::IValue(gradients);
        },
        c10::TensorType::get());
  }

 private:
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
  Monitor& monitor_;
};

}  // namespace

void sum_gradients(World& world, const at::Tensor& gradients, bool bf16) {
  if (world.size() == 1) return;
  if (!bf16) return world.sum(gradients);
  const at::Tensor rounded = gradients.to(at::kBFloat16);
  world.sum(rounded);
  gradients.copy_(rounded);
}

GradientReducer::GradientReducer(World& world, const std::vector<at::Tensor>& parameters,
                                 bool bf16) {
  if (world.size() == 1 || parameters.empty()) return;
  state_ = std::make_unique<State>(world, bf16);
  const std::vector<bool> sparse(parameters.size(), false);
  auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(
      parameters, {c10d::kDefaultFirstBucketBytes, c10d::kDefaultBucketBytesCap}, sparse);
  std::reverse(buckets.begin(), buckets.end());  // the last layers' gradients come first
  state_->reducer = std::make_unique<c10d::Reducer>(
      parameters, buckets, world.parts_->group, sparse, c10d::kDefaultBucketBytesCap,
      /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/true,
      std::unordered_map<size_t, std::string>{}, c10d::kDefaultFirstBucketBytes,
      /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false,
      std::vector<int64_t>{});
  state_->reducer->register_comm_hook(
      std::make_unique<SumHook<State>>(state_.get(), world.parts_->group, *world.parts_->monitor));
}

GradientReducer::~GradientReducer() = default;

void GradientReducer::run(const std::function<void()>& backward) {
  if (!state_) return backward();
  State& state = *state_;
  try {
    state.reducer->rebuild_buckets();
    state.reducer->prepare_for_backward({});
    backward();
  } catch (...) {
    state.world.parts_->monitor->await_verdict();
    throw;
  }
  state.times.exposed += seconds_now() - state.last_start;
  state.times.total += state.last_end - state.first_start;
}

const ReduceTimes& GradientReducer::times() const {
  static const ReduceTimes none;
  return state_ ? state_->times : none;
}

}  // namespace diffuse
