#include "kernel_shares.h"

#include <torch/csrc/autograd/profiler_kineto.h>

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "trace.h"

namespace diffuse {

std::string kind_of_kernel(const std::string& name) {
  // The first row with a word of the name decides: a convolution by cuDNN is named as a product too.
  static const std::vector<std::pair<std::string, std::vector<const char*>>> kinds{
      {"attention", {"flash", "fmha", "sdpa", "attention", "softmax"}},
      {"copy",
       {"memcpy", "memset", "nchwtonhwc", "nhwctonchw", "direct_copy", "transpose", "catarray"}},
      {"convolution", {"conv", "fprop", "dgrad", "wgrad", "cudnn"}},
      {"matrix product", {"gemm", "cublas", "cutlass", "splitk", "nvjet", "xmma"}},
      {"normalisation", {"norm_", "group_norm", "groupnorm", "rowwisemoments"}},
      {"optimizer", {"adam", "multi_tensor_apply", "lpnorm"}}};
  std::string lower = name;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const auto& [kind, words] : kinds)
    if (std::any_of(words.begin(), words.end(),
                    [&](const char* word) { return lower.find(word) != std::string::npos; }))
      return kind;
  return "other";
}

KernelShares kernel_shares(c10::Device device, const std::function<void()>& work) {
  constexpr uint8_t kAnnotation = 2;  // libkineto's GPU_USER_ANNOTATION: a scope, not a kernel
  KernelShares shares;
  if (!device.is_cuda()) return shares;
  const auto result = profiled(device, work);
  for (const auto& event : result->events()) {
    if (event.deviceType() != c10::kCUDA || event.activityType() == kAnnotation) continue;
    const double ms = 1e-6 * static_cast<double>(event.durationNs());
    shares.ms[kind_of_kernel(event.name())] += ms;
    shares.busy_ms += ms;
    ++shares.launches;
  }
  return shares;
}

}  // namespace diffuse
