#include "src/data/batch_loader.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <numeric>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "diffuse/core/random.h"

namespace diffuse {

bool mirrors(const StreamKey& sample) {
  return RandomStream(sample.seed, Purpose::kAugment, sample.index).next() % 2 != 0;
}

struct BatchLoader::State {
  State(std::shared_ptr<const Dataset> set, const LoaderOptions& o)
      : dataset(std::move(set)), options(o) {}

  void run(const std::stop_token& stop);
  Batch load(int64_t step);
  int64_t item(int64_t sample);
  void read_items(Batch& batch, std::span<const int64_t> indices) const;
  void name_items(Batch& batch, std::span<const int64_t> indices) const;
  void flip(at::Tensor& images, int64_t first_sample) const;

  const std::shared_ptr<const Dataset> dataset;
  const LoaderOptions options;

  // Used only by the background thread.
  int64_t epoch = -1;
  std::vector<int64_t> permutation;  // of `epoch`

  std::mutex mutex;  // guards the rest
  std::condition_variable_any changed;
  std::deque<Batch> ready;
  std::exception_ptr failure;

  std::jthread worker;  // last: joins before the members that it uses are destroyed
};

void BatchLoader::State::run(const std::stop_token& stop) {
  try {
    for (int64_t step = options.first_step; !stop.stop_requested(); ++step) {
      Batch batch = load(step);
      std::unique_lock lock(mutex);
      const auto has_room = [&] { return static_cast<int64_t>(ready.size()) < options.prefetch; };
      if (!changed.wait(lock, stop, has_room)) return;
      ready.push_back(std::move(batch));
      changed.notify_all();
    }
  } catch (...) {
    const std::scoped_lock lock(mutex);
    failure = std::current_exception();
    changed.notify_all();
  }
}

Batch BatchLoader::State::load(int64_t step) {
  const int64_t rows = options.rank_end - options.rank_begin;
  Batch batch;
  batch.first_sample = step * options.global_batch + options.rank_begin;
  std::vector<int64_t> indices(rows);
  for (int64_t row = 0; row < rows; ++row) indices[row] = item(batch.first_sample + row);
  options.items_only ? name_items(batch, indices) : read_items(batch, indices);
  if (!dataset->class_names().empty()) {
    batch.labels = at::empty({rows}, at::kLong);
    int64_t* labels = batch.labels.mutable_data_ptr<int64_t>();
    for (int64_t row = 0; row < rows; ++row) labels[row] = dataset->label(indices[row]);
  }
  return batch;
}

void BatchLoader::State::read_items(Batch& batch, std::span<const int64_t> indices) const {
  batch.x = dataset->gather(indices);
  batch.condition = dataset->condition(indices);
  if (options.horizontal_flip) flip(batch.x, batch.first_sample);
  if (options.horizontal_flip && batch.condition.defined() && batch.condition.dim() == 4)
    flip(batch.condition, batch.first_sample);
  if (options.pinned) batch.x = batch.x.pin_memory();
}

void BatchLoader::State::name_items(Batch& batch, std::span<const int64_t> indices) const {
  batch.items = at::empty({std::ssize(indices)}, at::kLong);
  std::copy(indices.begin(), indices.end(), batch.items.mutable_data_ptr<int64_t>());
  if (options.horizontal_flip)
    batch.mirror = consecutive_keys(options.seed, batch.first_sample, std::ssize(indices));
}

// permutation_{g / N}[g % N] by a Fisher-Yates shuffle with the epoch's stream.
int64_t BatchLoader::State::item(int64_t sample) {
  const int64_t size = dataset->size();
  if (sample / size != epoch) {
    epoch = sample / size;
    permutation.resize(size);
    std::iota(permutation.begin(), permutation.end(), 0);
    RandomStream random(options.seed, Purpose::kShuffle, epoch);
    for (int64_t i = size - 1; i > 0; --i)
      std::swap(permutation[i], permutation[random.below(i + 1)]);
  }
  return permutation[sample % size];
}

// Mirrors each image [C, H, W] that is to be.
void BatchLoader::State::flip(at::Tensor& images, int64_t first_sample) const {
  const int64_t image = images.stride(0);
  const int64_t width = images.size(3);
  float* pixels = images.mutable_data_ptr<float>();
  for (int64_t row = 0; row < images.size(0); ++row, pixels += image) {
    if (!mirrors({options.seed, static_cast<uint64_t>(first_sample + row)})) continue;
    for (int64_t line = 0; line < image; line += width)
      std::reverse(pixels + line, pixels + line + width);
  }
}

BatchLoader::BatchLoader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options)
    : state_(std::make_unique<State>(std::move(dataset), options)) {
  const LoaderOptions& o = options;
  TORCH_CHECK(0 <= o.rank_begin && o.rank_begin < o.rank_end && o.rank_end <= o.global_batch,
              "rows [", o.rank_begin, ", ", o.rank_end, ") of a global batch of ", o.global_batch);
  TORCH_CHECK(o.first_step >= 0 && o.prefetch >= 1, "first_step ", o.first_step, ", prefetch ",
              o.prefetch);
  TORCH_CHECK(state_->dataset->size() > 0, "an empty data set");
  TORCH_CHECK(!o.horizontal_flip || state_->dataset->is_image(), "points cannot be mirrored");
  state_->worker =
      std::jthread([state = state_.get()](const std::stop_token& stop) { state->run(stop); });
}

BatchLoader::~BatchLoader() = default;

Batch BatchLoader::next() {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  state.changed.wait(lock, [&] { return !state.ready.empty() || state.failure; });
  if (state.ready.empty()) std::rethrow_exception(state.failure);
  Batch batch = std::move(state.ready.front());
  state.ready.pop_front();
  state.changed.notify_all();
  return batch;
}

}  // namespace diffuse
