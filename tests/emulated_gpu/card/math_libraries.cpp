// cuBLAS and cuDNN, as far as LibTorch calls them: products and convolutions are counted, not computed.
#include <cublasLt.h>
#include <cublas_v2.h>
#include <cudnn.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "device.h"

using namespace diffuse::emulated;

struct cudnnContext : Handle {};

extern "C" {

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  *handle = new cudnnContext;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t) { return CUDNN_STATUS_SUCCESS; }
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetStream(cudnnHandle_t handle, cudaStream_t* stream) {
  *stream = handle->stream;
  return CUDNN_STATUS_SUCCESS;
}
size_t cudnnGetVersion() { return CUDNN_VERSION; }
size_t cudnnGetCudartVersion() { return 13000; }
const char* cudnnGetErrorString(cudnnStatus_t) { return "emulated"; }
void cudnnGetLastErrorString(char* message, size_t size) { std::memset(message, 0, size); }

}  // extern "C"

namespace {

// A descriptor of cuDNN's graphs: attributes by name, as bytes.
struct Descriptor {
  cudnnBackendDescriptorType_t type{};
  std::map<int, std::vector<char>> attributes;
  std::map<int, int64_t> counts;

  Descriptor* refers_to(cudnnBackendAttributeName_t name) const {
    const auto found = attributes.find(name);
    return found == attributes.end() ? nullptr
                                     : *reinterpret_cast<Descriptor* const*>(found->second.data());
  }
};

size_t size_of(cudnnBackendAttributeType_t type) {
  switch (type) {
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_DOUBLE:
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
      return 8;
    case CUDNN_TYPE_BOOLEAN:
      return sizeof(bool);
    case CUDNN_TYPE_CHAR:
      return 1;
    case CUDNN_TYPE_FRACTION:
      return 16;
    default:
      return 4;
  }
}

std::string operation_of(const Descriptor& plan) {
  const Descriptor* const config = plan.refers_to(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
  const Descriptor* const engine =
      config == nullptr ? nullptr : config->refers_to(CUDNN_ATTR_ENGINECFG_ENGINE);
  const Descriptor* const graph =
      engine == nullptr ? nullptr : engine->refers_to(CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
  const Descriptor* const first =
      graph == nullptr ? nullptr : graph->refers_to(CUDNN_ATTR_OPERATIONGRAPH_OPS);
  if (first == nullptr) return "cudnn";
  switch (first->type) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
      return "cudnn convolution";
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
      return "cudnn convolution, data gradient";
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
      return "cudnn convolution, filter gradient";
    default:
      return "cudnn graph " + std::to_string(graph->counts.at(CUDNN_ATTR_OPERATIONGRAPH_OPS));
  }
}

}  // namespace

extern "C" {

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t* made) {
  auto* const descriptor = new Descriptor;
  descriptor->type = type;
  *made = descriptor;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t) {
  return CUDNN_STATUS_SUCCESS;  // plans refer to theirs
}
cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t) { return CUDNN_STATUS_SUCCESS; }
cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t of,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count,
                                       const void* values) {
  auto* const descriptor = static_cast<Descriptor*>(of);
  const auto* const bytes = static_cast<const char*>(values);
  if (values != nullptr && count > 0)
    descriptor->attributes[name].assign(bytes, bytes + count * static_cast<int64_t>(size_of(type)));
  descriptor->counts[name] = count;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t of,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t wanted,
                                       int64_t* count, void* values) {
  auto* const descriptor = static_cast<Descriptor*>(of);
  int64_t ignored = 0;
  if (count == nullptr) count = &ignored;
  *count = 0;
  const auto found = descriptor->attributes.find(name);
  if (found != descriptor->attributes.end()) {
    *count = descriptor->counts[name];
    if (values != nullptr)
      std::memcpy(values, found->second.data(),
                  std::min(found->second.size(), static_cast<size_t>(wanted) * size_of(type)));
    return CUDNN_STATUS_SUCCESS;
  }
  if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS) {
    *count = 1;
    if (values == nullptr || wanted == 0) return CUDNN_STATUS_SUCCESS;
    Descriptor engine;
    engine.type = CUDNN_BACKEND_ENGINE_DESCRIPTOR;
    Descriptor* const graph = descriptor->refers_to(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
    auto* const kept = new Descriptor(engine);
    cudnnBackendSetAttribute(kept, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                             1, &graph);
    cudnnBackendSetAttribute(*static_cast<cudnnBackendDescriptor_t*>(values),
                             CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &kept);
    return CUDNN_STATUS_SUCCESS;
  }
  if (values == nullptr || wanted == 0) return CUDNN_STATUS_SUCCESS;
  if (type == CUDNN_TYPE_INT64 || type == CUDNN_TYPE_INT32) {  // sizes and numbers
    *count = 1;
    std::memset(values, 0, size_of(type));
  }
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t) {
  return queue(handle->stream, {operation_of(*static_cast<Descriptor*>(plan)), {}}) == cudaSuccess
             ? CUDNN_STATUS_SUCCESS
             : CUDNN_STATUS_EXECUTION_FAILED;
}

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  *handle = reinterpret_cast<cublasHandle_t>(new Handle);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  reinterpret_cast<Handle*>(handle)->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasGetStream_v2(cublasHandle_t handle, cudaStream_t* stream) {
  *stream = reinterpret_cast<Handle*>(handle)->stream;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasGetMathMode(cublasHandle_t, cublasMath_t* mode) {
  *mode = CUBLAS_DEFAULT_MATH;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasGetPointerMode_v2(cublasHandle_t, cublasPointerMode_t* mode) {
  *mode = CUBLAS_POINTER_MODE_HOST;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatmulPreference_t, int,
                                              cublasLtMatmulHeuristicResult_t results[],
                                              int* count) {
  results[0] = {};
  *count = 1;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t, const void*, const void*,
                              cublasLtMatrixLayout_t, const void*, cublasLtMatrixLayout_t,
                              const void*, const void*, cublasLtMatrixLayout_t, void*,
                              cublasLtMatrixLayout_t, const cublasLtMatmulAlgo_t*, void*, size_t,
                              cudaStream_t stream) {
  return queue(stream, {"cublasLtMatmul", {}}) == cudaSuccess ? CUBLAS_STATUS_SUCCESS
                                                              : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // extern "C"
