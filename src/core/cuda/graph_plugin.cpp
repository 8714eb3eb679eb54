// libdiffuse_cuda.so: CUDA graphs by LibTorch's CUDA library, loaded where there is a GPU.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>

#include <map>
#include <memory>

#include "src/core/step_graph.h"

namespace diffuse {

namespace {

using at::cuda::CUDAStream;

// What all graphs of a device share: they run one after another, so one pool of memory serves them.
struct Shared {
  CUDAStream stream;
  at::cuda::MempoolId_t pool = at::cuda::graph_pool_handle();
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
    graph_ = std::make_unique<at::cuda::CUDAGraph>();
    // Other threads, a loader's say, may allocate meanwhile.
    graph_->capture_begin(shared_.pool, cudaStreamCaptureModeThreadLocal);
    try {
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
      end_allocations();
    }
    graph_.reset();
    static_cast<void>(cudaGetLastError());
  }

  void end_allocations() {
    try {
      c10::cuda::CUDACachingAllocator::endAllocateToPool(device_, shared_.pool);
    } catch (const std::exception&) {  // ended already
    }
  }

  c10::DeviceIndex device_;
  Shared& shared_;
  std::unique_ptr<at::cuda::CUDAGraph> graph_;
};

}  // namespace

}  // namespace diffuse

extern "C" diffuse::StepGraph* diffuse_make_step_graph(int device) {
  return new diffuse::CudaStepGraph(static_cast<c10::DeviceIndex>(device));
}
