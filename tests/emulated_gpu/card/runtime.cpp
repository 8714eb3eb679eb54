// CUDA's runtime library, as far as LibTorch calls it.
#include <cuda.h>
#include <cuda_runtime_api.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "device.h"

struct CUstream_st {
  int id = 0;
  struct CUgraph_st* recording = nullptr;
  bool origin = false;    // where the recording began
  bool unjoined = false;  // recorded work that no other stream waits for
};
struct CUevent_st {
  CUstream_st* stream = nullptr;    // in which it was recorded last
  CUgraph_st* recording = nullptr;  // the graph in which it was recorded last
  int64_t launches = 0;             // of graphs, until then
};
struct CUgraph_st {
  std::vector<diffuse::emulated::Work> nodes;
  std::vector<std::function<void()>> last;  // to be called at the end, the newest first
  std::set<CUstream_st*> streams;
  bool broken = false;
  unsigned long long id = 0;
};
struct CUgraphExec_st {
  std::vector<diffuse::emulated::Work> nodes;
};

namespace diffuse::emulated {
namespace {

std::recursive_mutex mutex;

struct State {
  std::map<const char*, std::pair<size_t, char>> memory;  // begin -> size, 'd'evice or 'h'ost
  std::map<const void*, std::string> kernels;
  size_t used = 0;
  int streams = 0;
  unsigned long long graphs = 0;
  int64_t launches = 0;  // of graphs
  CUstream_st legacy;
  FILE* log = nullptr;
  State() {
    if (const char* const file = getenv("EMULATED_GPU_LOG")) log = std::fopen(file, "a");
  }
};

State& state() {
  static State* const all = new State;  // outlives the statics of others
  return *all;
}

thread_local cudaError_t last_error = cudaSuccess;
thread_local int device_of_thread = 0;  // they have one memory
thread_local cudaStreamCaptureMode mode_of_thread = cudaStreamCaptureModeGlobal;
thread_local std::set<CUgraph_st*> recordings_of_thread;

size_t capacity() {
  const char* const megabytes = getenv("EMULATED_GPU_MB");
  return (megabytes != nullptr ? strtoull(megabytes, nullptr, 10) : 81920) << 20;
}

CUstream_st* stream_of(cudaStream_t stream) {
  const auto number = reinterpret_cast<size_t>(stream);
  return number <= 2 ? &state().legacy : stream;
}

cudaError_t failed(cudaError_t error) {
  last_error = error;
  return error;
}

cudaError_t allocate(void** pointer, size_t size, char kind) {
  const std::scoped_lock lock(mutex);
  State& s = state();
  if (kind == 'd' && s.used + size > capacity()) {
    note("out of memory: " + std::to_string(size));
    return failed(cudaErrorMemoryAllocation);
  }
  void* const found = mmap(nullptr, size + 1, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (found == MAP_FAILED) return failed(cudaErrorMemoryAllocation);
  s.memory[static_cast<char*>(found)] = {size, kind};
  if (kind == 'd') s.used += size;
  note(std::string(kind == 'd' ? "malloc " : "malloc host ") + std::to_string(size));
  *pointer = found;
  return cudaSuccess;
}

cudaError_t release(void* pointer) {
  if (pointer == nullptr) return cudaSuccess;
  const std::scoped_lock lock(mutex);
  State& s = state();
  const auto found = s.memory.find(static_cast<char*>(pointer));
  if (found == s.memory.end()) return failed(cudaErrorInvalidValue);
  if (found->second.second == 'd') s.used -= found->second.first;
  munmap(pointer, found->second.first + 1);
  s.memory.erase(found);
  return cudaSuccess;
}

// 'd', 'h' or 'p' for pageable memory of the host.
char kind_of(const void* address) {
  const std::scoped_lock lock(mutex);
  const auto& memory = state().memory;
  auto found = memory.upper_bound(static_cast<const char*>(address));
  if (found == memory.begin()) return 'p';
  --found;
  return static_cast<const char*>(address) < found->first + found->second.first
             ? found->second.second
             : 'p';
}

std::string name_of(const void* kernel) {
  const std::scoped_lock lock(mutex);
  const auto found = state().kernels.find(kernel);
  return found == state().kernels.end() ? "?" : found->second;
}

void break_recording(CUstream_st* stream) {
  if (stream->recording != nullptr) stream->recording->broken = true;
}

cudaError_t launch(const void* kernel, dim3 grid, dim3 block, cudaStream_t stream) {
  const auto within = [](size_t n, size_t most) { return n >= 1 && n <= most; };
  if (!within(grid.x, 0x7fffffff) || !within(grid.y, 65535) || !within(grid.z, 65535) ||
      !within(size_t{block.x} * block.y * block.z, 1024))
    return failed(cudaErrorInvalidConfiguration);
  const size_t threads = size_t{grid.x} * grid.y * grid.z * block.x * block.y * block.z;
  return queue(stream, {"launch " + name_of(kernel) + " of " + std::to_string(threads), {}});
}

cudaError_t copy(void* to, const void* from, size_t size, cudaStream_t stream, const char* how) {
  const char target = kind_of(to), source = kind_of(from);
  std::string name = std::string("copy ") + source + target + how + " " + std::to_string(size);
  if (records(stream) && (source == 'p' || target == 'p')) {
    note("REFUSED " + name + " while recording");
    break_recording(stream_of(stream));
    return failed(cudaErrorStreamCaptureUnsupported);
  }
  return queue(stream, {std::move(name), [=] { std::memcpy(to, from, size); }});
}

}  // namespace

void note(const std::string& text) {
  const std::scoped_lock lock(mutex);
  if (FILE* const log = state().log) {
    std::fprintf(log, "%s\n", text.c_str());
    std::fflush(log);
  }
}

bool records(cudaStream_t stream) {
  const std::scoped_lock lock(mutex);
  return stream_of(stream)->recording != nullptr;
}

int device_count() {
  const char* const count = std::getenv("EMULATED_GPU_COUNT");
  return count != nullptr ? std::atoi(count) : 1;
}

bool& has_context() {
  static thread_local bool has = false;
  return has;
}

// Of all work from the number on that EMULATED_GPU_FAILS_AFTER gives: the card has fallen off the bus.
static bool is_lost() {
  static const char* const last = std::getenv("EMULATED_GPU_FAILS_AFTER");
  static std::atomic<int64_t> count{0};
  return last != nullptr && ++count > std::atoll(last);
}

void when_recorded(cudaStream_t stream, std::function<void()> last) {
  const std::scoped_lock lock(mutex);
  stream_of(stream)->recording->last.push_back(std::move(last));
}

cudaError_t queue(cudaStream_t stream, Work work) {
  has_context() = true;
  if (is_lost()) return failed(cudaErrorDevicesUnavailable);
  {
    const std::scoped_lock lock(mutex);
    CUstream_st* const to = stream_of(stream);
    if (to->recording != nullptr) {
      if (to->recording->broken) return failed(cudaErrorStreamCaptureInvalidated);
      note("record " + work.name);
      to->unjoined = !to->origin;
      to->recording->nodes.push_back(std::move(work));
      return cudaSuccess;
    }
  }
  note(work.name);
  if (work.run) work.run();
  return cudaSuccess;
}

cudaError_t unsafe_call(const char* call) {
  if (mode_of_thread == cudaStreamCaptureModeRelaxed || recordings_of_thread.empty())
    return cudaSuccess;
  note(std::string("REFUSED ") + call + " while recording");
  for (CUgraph_st* const graph : recordings_of_thread) graph->broken = true;
  return failed(cudaErrorStreamCaptureUnsupported);
}

}  // namespace diffuse::emulated

using namespace diffuse::emulated;

#define REFUSE_UNSAFE(call) \
  if (const cudaError_t refused = unsafe_call(call); refused != cudaSuccess) return refused

extern "C" {

// Registration of LibTorch's kernels.
void** __cudaRegisterFatBinary(void*) {
  static void* handle[1];
  return handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterFunction(void**, const char* host, char*, const char* name, int, void*, void*,
                            void*, void*, int*) {
  const std::scoped_lock lock(mutex);
  state().kernels[host] = name;
}
void __cudaRegisterVar(void**, char*, char*, const char*, int, size_t, int, int) {}
char __cudaInitModule(void**) { return 1; }
thread_local struct {
  dim3 grid, block;
  size_t shared;
  void* stream;
} configuration;
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, void* stream) {
  configuration = {grid, block, shared, stream};
  return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream) {
  *grid = configuration.grid;
  *block = configuration.block;
  *shared = configuration.shared;
  *static_cast<void**>(stream) = configuration.stream;
  return cudaSuccess;
}
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* host) {
  *kernel = static_cast<cudaKernel_t>(const_cast<void*>(host));
  return cudaSuccess;
}
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void**, size_t,
                               cudaStream_t stream) {
  return launch(kernel, grid, block, stream);
}
cudaError_t cudaLaunchKernel(const void* kernel, dim3 grid, dim3 block, void**, size_t,
                             cudaStream_t stream) {
  return launch(kernel, grid, block, stream);
}
cudaError_t cudaLaunchCooperativeKernel(const void* kernel, dim3 grid, dim3 block, void**, size_t,
                                        cudaStream_t stream) {
  return launch(kernel, grid, block, stream);
}
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* kernel, void**) {
  return launch(kernel, config->gridDim, config->blockDim, config->stream);
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  *attributes = {};
  attributes->maxThreadsPerBlock = 1024;
  attributes->numRegs = 32;
  attributes->ptxVersion = attributes->binaryVersion = 90;
  attributes->maxDynamicSharedSizeBytes = 232448;
  return cudaSuccess;
}
cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) { return cudaSuccess; }
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int, size_t) {
  *blocks = 2;
  return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void*, int,
                                                                   size_t, unsigned) {
  *blocks = 2;
  return cudaSuccess;
}
cudaError_t cudaGetSymbolAddress(void** address, const void*) {
  return cudaMalloc(address, 1 << 16);
}
cudaError_t cudaMemcpyToSymbol(const void*, const void*, size_t, size_t, cudaMemcpyKind) {
  return cudaSuccess;
}

// Errors.
cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}
cudaError_t cudaPeekAtLastError() { return last_error; }
const char* cudaGetErrorName(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation" : "cudaError";
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    case cudaErrorStreamCaptureUnjoined:
      return "capturing stream has unjoined work";
    default:
      return error == cudaErrorDevicesUnavailable ? "the card has fallen off the bus"
                                                  : "emulated error";
  }
}

// Devices.
cudaError_t cudaGetDeviceCount(int* count) {
  *count = device_count();
  if (int driver = 0; cuDriverGetVersion(&driver) == CUDA_SUCCESS && driver < 13000) {
    *count = 0;
    return failed(cudaErrorInsufficientDriver);
  }
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = device_of_thread;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= device_count()) return failed(cudaErrorInvalidDevice);
  device_of_thread = device;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  cuDriverGetVersion(version);
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int) {
  *p = {};
  std::strcpy(p->name, "emulated H100");
  p->totalGlobalMem = capacity();
  p->sharedMemPerBlock = 49152;
  p->sharedMemPerBlockOptin = 232448;
  p->sharedMemPerMultiprocessor = 233472;
  p->regsPerBlock = p->regsPerMultiprocessor = 65536;
  p->warpSize = 32;
  p->maxThreadsPerBlock = 1024;
  p->maxThreadsPerMultiProcessor = 2048;
  p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024;
  p->maxThreadsDim[2] = 64;
  p->maxGridSize[0] = 2147483647;
  p->maxGridSize[1] = p->maxGridSize[2] = 65535;
  p->major = 9;
  p->multiProcessorCount = 132;
  p->l2CacheSize = 50 << 20;
  p->memoryBusWidth = 5120;
  p->textureAlignment = 512;
  p->unifiedAddressing = p->concurrentKernels = p->asyncEngineCount = 1;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = 132;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = 9;
      break;
    case cudaDevAttrMaxThreadsPerBlock:
      *value = 1024;
      break;
    case cudaDevAttrWarpSize:
      *value = 32;
      break;
    case cudaDevAttrMaxGridDimX:
      *value = 2147483647;
      break;
    case cudaDevAttrMaxGridDimY:
      *value = 65535;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = 49152;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = 232448;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = 233472;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = 2048;
      break;
    case cudaDevAttrMaxRegistersPerBlock:
      *value = 65536;
      break;
    default:
      *value = 0;
  }
  return cudaSuccess;
}
cudaError_t cudaDeviceGetPCIBusId(char* text, int size, int) {
  std::snprintf(text, static_cast<size_t>(size), "0000:01:00.0");
  return cudaSuccess;
}
cudaError_t cudaDeviceCanAccessPeer(int* can, int, int) {
  *can = 0;
  return cudaSuccess;
}
cudaError_t cudaDeviceEnablePeerAccess(int, unsigned) { return cudaSuccess; }
cudaError_t cudaDeviceSynchronize() {
  REFUSE_UNSAFE("cudaDeviceSynchronize");
  note("sync device");
  return cudaSuccess;
}
cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned,
                                             unsigned long long,
                                             cudaDriverEntryPointQueryResult* result) {
  *function = driver_entry(name);
  if (result != nullptr) *result = cudaDriverEntryPointSuccess;
  return cudaSuccess;
}

// Memory.
cudaError_t cudaMalloc(void** pointer, size_t size) {
  REFUSE_UNSAFE("cudaMalloc");
  return allocate(pointer, size, 'd');
}
cudaError_t cudaMallocAsync(void** pointer, size_t size, cudaStream_t) {
  return allocate(pointer, size, 'd');
}
cudaError_t cudaFree(void* pointer) {
  REFUSE_UNSAFE("cudaFree");
  return release(pointer);
}
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t) { return release(pointer); }
cudaError_t cudaHostAlloc(void** pointer, size_t size, unsigned) {
  REFUSE_UNSAFE("cudaHostAlloc");
  return allocate(pointer, size, 'h');
}
cudaError_t cudaFreeHost(void* pointer) {
  REFUSE_UNSAFE("cudaFreeHost");
  return release(pointer);
}
cudaError_t cudaHostRegister(void* pointer, size_t size, unsigned) {
  const std::scoped_lock lock(mutex);
  state().memory[static_cast<char*>(pointer)] = {size, 'h'};
  return cudaSuccess;
}
cudaError_t cudaHostUnregister(void* pointer) {
  const std::scoped_lock lock(mutex);
  state().memory.erase(static_cast<char*>(pointer));
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const std::scoped_lock lock(mutex);
  *total = capacity();
  *free = *total - std::min(*total, state().used);
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  *attributes = {};
  const char kind = kind_of(pointer);
  attributes->type = kind == 'd'   ? cudaMemoryTypeDevice
                     : kind == 'h' ? cudaMemoryTypeHost
                                   : cudaMemoryTypeUnregistered;
  attributes->device = kind == 'p' ? -2 : device_of_thread;
  if (kind != 'p') attributes->devicePointer = const_cast<void*>(pointer);
  if (kind != 'd') attributes->hostPointer = const_cast<void*>(pointer);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t size, cudaMemcpyKind,
                            cudaStream_t stream) {
  return copy(to, from, size, stream, "");
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t size, cudaMemcpyKind) {
  REFUSE_UNSAFE("cudaMemcpy");
  return copy(to, from, size, nullptr, " sync");
}
cudaError_t cudaMemcpyPeerAsync(void* to, int, const void* from, int, size_t size,
                                cudaStream_t stream) {
  return copy(to, from, size, stream, "");
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind, cudaStream_t stream) {
  for (size_t y = 0; y < height; ++y)
    if (const cudaError_t error =
            copy(static_cast<char*>(to) + y * to_pitch,
                 static_cast<const char*>(from) + y * from_pitch, width, stream, " of rows");
        error != cudaSuccess)
      return error;
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t size, cudaStream_t stream) {
  return queue(stream, {"memset " + std::to_string(size), [=] { std::memset(to, value, size); }});
}
cudaError_t cudaMemset(void* to, int value, size_t size) {
  return cudaMemsetAsync(to, value, size, nullptr);
}
cudaError_t cudaIpcGetMemHandle(cudaIpcMemHandle_t*, void*) { return cudaErrorNotSupported; }
cudaError_t cudaIpcOpenMemHandle(void**, cudaIpcMemHandle_t, unsigned) {
  return cudaErrorNotSupported;
}
cudaError_t cudaIpcCloseMemHandle(void*) { return cudaErrorNotSupported; }
cudaError_t cudaIpcGetEventHandle(cudaIpcEventHandle_t*, cudaEvent_t) {
  return cudaErrorNotSupported;
}
cudaError_t cudaIpcOpenEventHandle(cudaEvent_t*, cudaIpcEventHandle_t) {
  return cudaErrorNotSupported;
}
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t*, int) { return cudaErrorNotSupported; }
cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) {
  return cudaErrorNotSupported;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) {
  return cudaErrorNotSupported;
}
cudaError_t cudaMemPoolSetAccess(cudaMemPool_t, const cudaMemAccessDesc*, size_t) {
  return cudaErrorNotSupported;
}
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, size_t) { return cudaErrorNotSupported; }

// Streams and events.
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int) {
  const std::scoped_lock lock(mutex);
  *stream = new CUstream_st{++state().streams};
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithPriority(stream, 0, 0);
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (records(stream)) {
    note("REFUSED cudaStreamSynchronize of a recording stream");
    break_recording(stream_of(stream));
    return failed(cudaErrorStreamCaptureUnsupported);
  }
  REFUSE_UNSAFE("cudaStreamSynchronize");
  note("sync stream");
  return cudaSuccess;
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  if (records(stream)) {
    break_recording(stream_of(stream));
    return failed(cudaErrorStreamCaptureUnsupported);
  }
  return cudaSuccess;
}
cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t callback, void* data,
                                  unsigned) {
  return queue(stream, {"callback", [=] { callback(stream, cudaSuccess, data); }});
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const std::scoped_lock lock(mutex);
  CUstream_st* const waiting = stream_of(stream);
  if (event->recording == nullptr) {
    if (waiting->recording == nullptr) return cudaSuccess;
    note("REFUSED cudaStreamWaitEvent for an event outside of the recording");
    waiting->recording->broken = true;
    return failed(cudaErrorStreamCaptureIsolation);
  }
  if (waiting != event->stream) event->stream->unjoined = false;
  waiting->unjoined = !waiting->origin;
  if (waiting->recording == event->recording) return cudaSuccess;
  if (waiting->recording != nullptr) return failed(cudaErrorStreamCaptureMerge);
  waiting->recording = event->recording;
  event->recording->streams.insert(waiting);
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const std::scoped_lock lock(mutex);
  event->stream = stream_of(stream);
  event->recording = event->stream->recording;
  event->launches = state().launches;
  return cudaSuccess;
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned) {
  return cudaEventRecord(event, stream);
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (event->recording != nullptr) {
    event->recording->broken = true;
    return failed(cudaErrorCapturedEvent);
  }
  REFUSE_UNSAFE("cudaEventQuery");
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (event->recording != nullptr) {
    event->recording->broken = true;
    return failed(cudaErrorCapturedEvent);
  }
  REFUSE_UNSAFE("cudaEventSynchronize");
  note("sync event after launch " + std::to_string(event->launches) + " of " +
       std::to_string(state().launches));
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) {
  *milliseconds = 1;
  return cudaSuccess;
}

// Graphs.
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  std::swap(*mode, mode_of_thread);
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  const std::scoped_lock lock(mutex);
  CUstream_st* const from = stream_of(stream);
  if (from == &state().legacy) return failed(cudaErrorStreamCaptureUnsupported);
  if (from->recording != nullptr) return failed(cudaErrorIllegalState);
  auto* const graph = new CUgraph_st;
  graph->id = ++state().graphs;
  graph->streams.insert(from);
  from->recording = graph;
  from->origin = true;
  recordings_of_thread.insert(graph);
  note("begin recording");
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const std::scoped_lock lock(mutex);
  CUstream_st* const from = stream_of(stream);
  CUgraph_st* const made = from->recording;
  *graph = nullptr;
  if (made == nullptr || !from->origin) return failed(cudaErrorIllegalState);
  bool joined = true;
  for (CUstream_st* const other : made->streams) {
    joined = joined && !other->unjoined;
    other->unjoined = false;
    other->recording = nullptr;
  }
  from->origin = false;
  recordings_of_thread.erase(made);
  for (auto last = made->last.rbegin(); last != made->last.rend(); ++last) (*last)();
  note("end recording: " + std::to_string(made->nodes.size()) + " nodes");
  if (made->broken) return failed(cudaErrorStreamCaptureInvalidated);
  if (!joined) return failed(cudaErrorStreamCaptureUnjoined);
  *graph = made;
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const std::scoped_lock lock(mutex);
  const CUgraph_st* const graph = stream_of(stream)->recording;
  *status = graph == nullptr ? cudaStreamCaptureStatusNone
            : graph->broken  ? cudaStreamCaptureStatusInvalidated
                             : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status,
                                     unsigned long long* id, cudaGraph_t* graph,
                                     const cudaGraphNode_t** nodes, const cudaGraphEdgeData** edges,
                                     size_t* count) {
  const std::scoped_lock lock(mutex);
  cudaStreamIsCapturing(stream, status);
  CUgraph_st* const recording = stream_of(stream)->recording;
  if (id != nullptr && recording != nullptr) *id = recording->id;
  if (graph != nullptr) *graph = recording;
  if (nodes != nullptr) *nodes = nullptr;
  if (edges != nullptr) *edges = nullptr;
  if (count != nullptr) *count = 0;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* made, cudaGraph_t graph,
                                          unsigned long long) {
  if (std::getenv("EMULATED_GPU_NO_GRAPHS") != nullptr) {
    note("no memory for a graph");
    return failed(cudaErrorMemoryAllocation);
  }
  *made = new CUgraphExec_st{graph->nodes};
  return cudaSuccess;
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t*, size_t* count) {
  *count = graph->nodes.size();
  return cudaSuccess;
}
cudaError_t cudaGraphNodeGetDependencies(cudaGraphNode_t, cudaGraphNode_t*, cudaGraphEdgeData*,
                                         size_t* count) {
  *count = 0;
  return cudaSuccess;
}
cudaError_t cudaGraphDebugDotPrint(cudaGraph_t, const char*, unsigned) { return cudaSuccess; }
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t made) {
  delete made;
  return cudaSuccess;
}
cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaGraphLaunch(cudaGraphExec_t made, cudaStream_t stream) {
  ++state().launches;
  return queue(stream, {"graph " + std::to_string(made->nodes.size()), [made] {
                          for (const Work& node : made->nodes)
                            if (node.run) node.run();
                        }});
}

}  // extern "C"
