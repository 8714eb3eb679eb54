// libdiffuse_cuda.so: CUDA graphs by LibTorch's CUDA library, loaded where there is a GPU.
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "src/core/step_graph.h"

namespace diffuse {

namespace {

using at::cuda::CUDAStream;

namespace memory = c10::cuda::CUDACachingAllocator;

void attempt(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception&) {  // undone already
  }
}

at::HostAllocator& pinned_memory() { return *at::getHostAllocator(at::kCUDA); }

// Memory that graphs take in turn, of the card and pinned. One reference to each is its own: LibTorch does not record
// again into memory that has had none.
class Pool {
 public:
  explicit Pool(c10::DeviceIndex device) : device_(device) {
    memory::createOrIncrefPool(device_, id);
    pinned_memory().begin_allocate_to_pool(id, [](c10::Stream) { return false; });
    pinned_memory().end_allocate_to_pool(id);
  }
  ~Pool() {
    attempt([this] { memory::releasePool(device_, id); });
    attempt([this] { pinned_memory().release_pool(id); });
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  const at::cuda::MempoolId_t id = at::cuda::graph_pool_handle();

 private:
  c10::DeviceIndex device_;
};

// What the graphs of a device share, which run one after another.
struct Shared {
  CUDAStream stream;
  std::weak_ptr<Pool> pool{};  // while a graph has it
};

Shared& shared_by(c10::DeviceIndex device) {
  static std::map<c10::DeviceIndex, Shared> all;
  return all.try_emplace(device, Shared{at::cuda::getStreamFromPool(false, device)}).first->second;
}

// `later` waits for the work queued on `earlier`.
void join(const CUDAStream& earlier, const CUDAStream& later) {
  at::cuda::CUDAEvent event;
  event.record(earlier);
  event.block(later);
}

// While one lives, work goes to `side`, which waits for the current stream; then that waits for `side`.
class SideStream {
 public:
  SideStream(const CUDAStream& current, const CUDAStream& side) : current_(current), side_(side) {
    join(current_, side_);
    guard_.emplace(side_);
  }
  ~SideStream() {
    guard_.reset();
    attempt([this] { join(side_, current_); });
  }
  SideStream(const SideStream&) = delete;
  SideStream& operator=(const SideStream&) = delete;

 private:
  CUDAStream current_, side_;
  std::optional<c10::cuda::CUDAStreamGuard> guard_;
};

// A graph whose recording can fail at any point without a trace.
class Recording : public at::cuda::CUDAGraph {
 public:
  // Takes the memory of the graph on the card, which else its first launch would.
  void upload(const CUDAStream& stream) {
    C10_CUDA_CHECK(cudaGraphUpload(graph_exec_, stream.stream()));
    stream.synchronize();
  }

  // After a failure: undoes what LibTorch does not of a recording that has not ended, and makes no graph of it.
  void give_up(const CUDAStream& stream, c10::DeviceIndex device) {
    static_cast<void>(cudaGetLastError());
    // A generator that was not told of the graph for want of memory cannot be told of its end.
    for (auto found = captured_generator_states_.begin();
         found != captured_generator_states_.end();)
      found->first->registered_graphs_.contains(this)
          ? ++found
          : found = captured_generator_states_.erase(found);
    if (capture_ended_) return;
    cudaGraph_t part = nullptr;
    if (cudaStreamEndCapture(stream.stream(), &part) == cudaSuccess && part != nullptr)
      static_cast<void>(cudaGraphDestroy(part));
    attempt([&] {  // throws where it had not begun
      memory::endAllocateToPool(device, mempool_id_);
      memory::releasePool(device, mempool_id_);
    });
    attempt([&] {
      pinned_memory().end_allocate_to_pool(mempool_id_);
      pinned_memory().release_pool(mempool_id_);
    });
    for (const auto& [state, draws] : captured_generator_states_) state->capturing_ = false;
    static_cast<void>(cudaGetLastError());
  }
};

class CudaStepGraph : public StepGraph {
 public:
  explicit CudaStepGraph(c10::DeviceIndex device) : device_(device), shared_(shared_by(device)) {}

  // Not in the graphs' memory: what a first call makes and keeps, a table say, others' replays would overwrite.
  void warm_up(const Work& work) override {
    const SideStream side(at::cuda::getCurrentCUDAStream(device_), shared_.stream);
    work();
  }

  void record(const Work& work) override {
    pool_ = shared_.pool.lock();
    if (!pool_) pool_ = std::make_shared<Pool>(device_);
    shared_.pool = pool_;
    at::cuda::getCurrentCUDAStream(device_).synchronize();
    shared_.stream.synchronize();
    memory::emptyCache();  // what the warm-up took: the pool takes as much again
    const c10::cuda::CUDAStreamGuard guard(shared_.stream);
    graph_ = std::make_unique<Recording>();
    try {
      begin();
      work();
      graph_->capture_end();
      graph_->upload(shared_.stream);
    } catch (...) {
      graph_->give_up(shared_.stream, device_);
      graph_.reset();
      pool_.reset();
      throw;
    }
  }

  void replay() override { graph_->replay(); }

 private:
  void begin() {
    // The generator's tensors, which it makes now, serve the graphs of trainings as well.
    const c10::InferenceMode no_inference(false);
    // Other threads, a loader's say, may allocate meanwhile.
    graph_->capture_begin(pool_->id, cudaStreamCaptureModeThreadLocal);
  }

  c10::DeviceIndex device_;
  Shared& shared_;
  std::shared_ptr<Pool> pool_;
  std::unique_ptr<Recording> graph_;
};

}  // namespace

}  // namespace diffuse

extern "C" diffuse::StepGraph* diffuse_make_step_graph(int device) {
  return new diffuse::CudaStepGraph(static_cast<c10::DeviceIndex>(device));
}
