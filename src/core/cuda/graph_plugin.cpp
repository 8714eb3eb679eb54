// libdiffuse_cuda.so: CUDA graphs by LibTorch's CUDA library, loaded where there is a GPU.
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>

#include <functional>
#include <map>
#include <memory>

#include "src/core/step_graph.h"

namespace diffuse {

namespace {

using at::cuda::CUDAStream;

// Memory that graphs take in turn. LibTorch does not record into one whose graphs have all gone.
struct Pool {
  at::cuda::MempoolId_t id = at::cuda::graph_pool_handle();
};

// What the graphs of a device share, which run one after another.
struct Shared {
  CUDAStream stream;
  std::weak_ptr<Pool> pool{};  // of the last recording, while a graph has it
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

void attempt(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception&) {  // undone already
  }
}

class CudaStepGraph : public StepGraph {
 public:
  explicit CudaStepGraph(c10::DeviceIndex device) : device_(device), shared_(shared_by(device)) {}

  void warm_up(const Work& work) override {
    const CUDAStream current = at::cuda::getCurrentCUDAStream(device_);
    join(current, shared_.stream);
    {
      const c10::cuda::CUDAStreamGuard guard(shared_.stream);
      work();
    }
    join(shared_.stream, current);
  }

  void record(const Work& work) override {
    at::cuda::getCurrentCUDAStream(device_).synchronize();
    shared_.stream.synchronize();
    c10::cuda::CUDACachingAllocator::
        emptyCache();  // what the warm-up took: the pool takes as much again
    const c10::cuda::CUDAStreamGuard guard(shared_.stream);
    pool_ = shared_.pool.lock();
    if (!pool_) pool_ = std::make_shared<Pool>();
    shared_.pool = pool_;
    graph_ = std::make_unique<at::cuda::CUDAGraph>();
    try {
      // Other threads, a loader's say, may allocate meanwhile.
      graph_->capture_begin(pool_->id, cudaStreamCaptureModeThreadLocal);
      work();
      graph_->capture_end();
    } catch (...) {
      give_up();
      throw;
    }
  }

  void replay() override { graph_->replay(); }

 private:
  // Ends the recording whatever state it is in.
  void give_up() {
    try {
      graph_->capture_end();
    } catch (const std::exception&) {
      undo_beginning();
    }
    graph_.reset();
    pool_.reset();
    static_cast<void>(cudaGetLastError());
  }

  // What LibTorch does not undo of a recording that cannot be ended.
  void undo_beginning() {
    namespace memory = c10::cuda::CUDACachingAllocator;
    at::HostAllocator* const host = at::getHostAllocator(at::kCUDA);
    attempt([&] { memory::endAllocateToPool(device_, pool_->id); });
    attempt([&] { memory::releasePool(device_, pool_->id); });
    attempt([&] { host->end_allocate_to_pool(pool_->id); });
    attempt([&] { host->release_pool(pool_->id); });
    shared_.pool.reset();
    // A copy of the generator's state does not know of the recording.
    attempt([&] {
      auto* const generator =
          at::cuda::detail::getDefaultCUDAGenerator(device_).get<at::CUDAGeneratorImpl>();
      generator->graphsafe_set_state(generator->clone()->graphsafe_get_state());
    });
  }

  c10::DeviceIndex device_;
  Shared& shared_;
  std::shared_ptr<Pool> pool_;
  std::unique_ptr<at::cuda::CUDAGraph> graph_;
};

}  // namespace

}  // namespace diffuse

extern "C" diffuse::StepGraph* diffuse_make_step_graph(int device) {
  return new diffuse::CudaStepGraph(static_cast<c10::DeviceIndex>(device));
}
