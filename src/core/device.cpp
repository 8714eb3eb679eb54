#include "src/core/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>
#include <omp.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "diffuse/core/error.h"
#include "src/core/log.h"

namespace diffuse {

static std::string version_text(long version) {  // of 1000 major + 10 minor
  return concat(version / 1000, ".", version % 1000 / 10);
}

std::string driver_complaint(int driver, long library) {
  if (driver == 0 || driver / 1000 >= library / 1000) return "LibTorch sees no CUDA device";
  return concat("the NVIDIA driver is too old: it knows CUDA ", version_text(driver),
                ", LibTorch needs ", version_text(library));
}

// The CUDA version of the driver, 1000 major + 10 minor; 0 if it does not tell.
static int driver_version() {
  using Get = int (*)(int* version);
  void* const driver = dlopen("libcuda.so.1", RTLD_LAZY);
  const auto get =
      driver == nullptr ? nullptr : reinterpret_cast<Get>(dlsym(driver, "cuDriverGetVersion"));
  int version = 0;
  return get != nullptr && get(&version) == 0 ? version : 0;
}

namespace {
// Swallows LibTorch's warning of a driver that is too old: driver_complaint() says it in a line.
class Silence : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override {
    if (warning.msg().find("driver") == std::string::npos) WarningHandler::process(warning);
  }
};
}  // namespace

// Loads libtorch_cuda.so from the folder of the libtorch_cpu.so in use, once.
// Returns "" if CUDA is ready, else the reason.
static const std::string& load_cuda() {
  static const std::string reason = []() -> std::string {
    if (dlopen("libcuda.so.1", RTLD_LAZY) == nullptr) return "no NVIDIA driver on this machine";
    Dl_info torch_cpu{};
    if (dladdr(reinterpret_cast<const void*>(&at::get_num_threads), &torch_cpu) == 0)
      return "LibTorch's folder is unknown";
    const auto library =
        std::filesystem::path(torch_cpu.dli_fname).parent_path() / "libtorch_cuda.so";
    if (!std::filesystem::exists(library))
      return "this LibTorch is CPU-only (no " + library.string() + ")";
    setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8",
           /*replace=*/0);  // with which cuBLAS repeats its bytes
    if (dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) return dlerror();
    Silence silence;
    const c10::WarningUtils::WarningHandlerGuard guard(&silence);
    if (!at::globalContext().hasCUDA())
      return driver_complaint(driver_version(), at::detail::getCUDAHooks().versionCUDART());
    return "";
  }();
  return reason;
}

// N of "cuda:N".
static int64_t parse_cuda_index(const std::string& text) {
  int64_t index = -1;
  const char* const begin = text.data() + 5;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(begin, end, index);
  if (failure != std::errc{} || stop != end || index < 0)
    throw Error("--device: expected auto, cpu, cuda or cuda:N, got \"", text, "\"");
  return index;
}

c10::Device select_device(const std::string& text, int64_t local_rank) {
  if (text == "auto" && load_cuda().starts_with("the NVIDIA driver"))
    log_warning("--device auto: the CPU, as " + load_cuda());
  if (text == "cpu" || (text == "auto" && !load_cuda().empty())) return c10::kCPU;
  const bool numbered = text.starts_with("cuda:");
  if (text != "auto" && text != "cuda" && !numbered)
    throw Error("--device: expected auto, cpu, cuda or cuda:N, got \"", text, "\"",
                did_you_mean(text, {"auto", "cpu", "cuda"}));
  int64_t index = numbered ? parse_cuda_index(text) : local_rank;
  if (!load_cuda().empty()) throw Error("--device ", text, ": ", load_cuda());
  const int64_t count = at::detail::getCUDAHooks().deviceCount();
  if (!numbered && count == 1) index = 0;  // the launcher makes one GPU visible to each process
  if (index >= count)
    throw Error("--device ", text, ": no GPU ", index, ", this machine has ", count, " GPU",
                count == 1 ? "" : "s");
  at::globalContext().lazyInitDevice(c10::kCUDA);
  return {c10::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

std::string cuda_description() {
  if (!load_cuda().empty()) return load_cuda();
  const at::CUDAHooksInterface& cuda = at::detail::getCUDAHooks();
  const int64_t count = cuda.deviceCount();
  return concat(version_text(cuda.versionCUDART()), ", ", count, count == 1 ? " GPU" : " GPUs");
}

void set_thread_count(int threads) {
  if (threads > 0) at::set_num_threads(threads);
}

void limit_thread_count(int threads) {
  if (at::get_num_threads() > threads) at::set_num_threads(threads);
}

void keep_to_this_thread() {
  // Both would set the number later: LibTorch's library and this one have a flag each.
  at::internal::lazy_init_num_threads();
  at::get_num_threads();
  omp_set_num_threads(1);
}

// Whether a GPU multiplies in bfloat16: compute capability 8 and later. LibTorch's hooks do not expose it,
// so ask the driver.
static bool has_bfloat16(int index) {
  using Get = int (*)(int* value, int attribute, int device);
  constexpr int kCapabilityMajor = 75;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
  void* const driver = dlopen("libcuda.so.1", RTLD_LAZY);
  const auto get =
      driver == nullptr ? nullptr : reinterpret_cast<Get>(dlsym(driver, "cuDeviceGetAttribute"));
  int major = 0;
  return get == nullptr || get(&major, kCapabilityMajor, index) != 0 || major >= 8;
}

c10::ScalarType select_precision(Precision precision, c10::Device device, const std::string& key) {
  if (precision == Precision::kBf16) return c10::kBFloat16;
  if (precision == Precision::kAuto)
    return device.is_cuda() && has_bfloat16(device.index()) ? c10::kBFloat16 : c10::kFloat;
  if (precision == Precision::kFp16) {
    if (!device.is_cuda()) throw Error(key, ": fp16 needs a GPU; use bf16 or fp32 on the CPU");
    return c10::kHalf;
  }
  return c10::kFloat;
}

at::Tensor sent_to(const at::Tensor& x, c10::Device device) {
  if (!x.defined() || x.device() == device) return x;
  if (!device.is_cuda() || !x.is_cpu()) return x.to(device);
  return (x.is_pinned() ? x : x.pin_memory()).to(device, x.scalar_type(), /*non_blocking=*/true);
}

void set_gpu_arithmetic(Tf32 tf32, bool deterministic) {
  at::Context& context = at::globalContext();
  // Of two sizes that make cuBLAS repeat its bytes; read when LibTorch first calls it.
  if (deterministic) setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  context.setAllowTF32CuDNN(tf32 != Tf32::kOff);
  context.setAllowTF32CuBLAS(tf32 == Tf32::kAll);
  context.setBenchmarkCuDNN(!deterministic);
  context.setDeterministicCuDNN(deterministic);
  context.setDeterministicFillUninitializedMemory(false);
  // Warnings alone would leave attention its atomic sums.
  context.setDeterministicAlgorithms(deterministic, /*warn_only=*/!deterministic);
}

void wait_for(c10::Device device) {
  if (!device.is_cpu())
    c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
}

AutocastScope::AutocastScope(c10::Device device, c10::ScalarType type)
    : device_(device.type()), was_enabled_(at::autocast::is_autocast_enabled(device.type())) {
  at::autocast::set_autocast_enabled(device_, type != c10::kFloat);
  if (type != c10::kFloat) at::autocast::set_autocast_dtype(device_, type);
}

AutocastScope::~AutocastScope() {
  at::autocast::set_autocast_enabled(device_, was_enabled_);
  if (!was_enabled_) at::autocast::clear_cache();  // cached casts of weights that may change
}

}  // namespace diffuse
