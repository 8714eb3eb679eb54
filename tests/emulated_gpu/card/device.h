// A card that is not there: streams, events, memory and graphs on the host, with CUDA's rules of what may be recorded
// by a thread of its own. Work is done at once, when it is queued; memory of the card is memory of the host.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>
#include <string>

namespace diffuse::emulated {

// What a stream runs, or a graph records.
struct Work {
  std::string name;
  std::function<void()> run;  // may be empty: a kernel that is only counted
};

// Runs `work` as a stream would, or adds it to the graph that the stream records.
cudaError_t queue(cudaStream_t stream, Work work);

// Whether the stream is being recorded.
bool records(cudaStream_t stream);

// Calls `last` when the stream's recording ends.
void when_recorded(cudaStream_t stream, std::function<void()> last);

// Of calls that CUDA refuses while the thread records a graph. `call`: its name, for the log.
cudaError_t unsafe_call(const char* call);

// EMULATED_GPU_COUNT.
int device_count();

// Whether the thread's context is the card's: from its first call on that needs one.
bool& has_context();

// Of cuBLAS and cuDNN.
struct Handle {
  cudaStream_t stream = nullptr;
};

// The address of a symbol of this library, or of a function that succeeds and does nothing.
void* driver_entry(const char* name);

// A line of the log that EMULATED_GPU_LOG names.
void note(const std::string& text);

}  // namespace diffuse::emulated
