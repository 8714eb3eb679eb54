#include "flop_counter.h"

#include <torch/csrc/autograd/function.h>

#include <string_view>

namespace diffuse {

static thread_local double counted = 0;

static double numel(const c10::IValue& value) {
  return value.isTensor() ? static_cast<double>(value.toTensor().numel()) : 0;
}

// x [B, in, H, W], weight [out, in, h, w]: each of the B H' W' outputs uses the whole weight.
static double convolution(c10::ArrayRef<const c10::IValue> in) {
  const at::Tensor &x = in[0].toTensor(), &weight = in[1].toTensor();
  const auto stride = in[3].toIntVector(), padding = in[4].toIntVector();
  double positions = static_cast<double>(x.size(0));
  for (int64_t d = 0; d < 2; ++d) {
    const int64_t places =
        (x.size(d + 2) + 2 * padding.at(d) - weight.size(d + 2)) / stride.at(d) + 1;
    positions *= static_cast<double>(places);
  }
  return 2 * positions * static_cast<double>(weight.numel());
}

// The same of stride 1 with padding; in[2]: of x doubled in both dimensions.
static double convolution3x3(c10::ArrayRef<const c10::IValue> in) {
  const double positions = numel(in[0]) / static_cast<double>(in[0].toTensor().size(1));
  return 2 * (in[2].toBool() ? 4 : 1) * positions * numel(in[1]);
}

// q [B, heads, N, d], k [B, heads, M, d]: q k^T and its product with v.
static double attention(c10::ArrayRef<const c10::IValue> in) {
  return 4 * numel(in[0]) * static_cast<double>(in[1].toTensor().size(2));
}

static std::unique_ptr<at::ObserverContext> count(const at::RecordFunction& function) {
  if (torch::autograd::get_current_node()) return nullptr;  // recomputed for gradients
  const std::string_view name = function.name();
  const auto in = function.inputs();
  if (name == "aten::conv2d") counted += convolution(in);
  if (name == "diffuse::conv3x3")  // FLOPs of the direct method, for any implementation
    counted += convolution3x3(in);
  if (name == "aten::linear" || name == "diffuse::linear" ||
      name == "diffuse::add_product")  // in[1]: [out, in]
    counted += 2 * numel(in[0]) * static_cast<double>(in[1].toTensor().size(0));
  if (name == "aten::scaled_dot_product_attention") counted += attention(in);
  if (name == "diffuse::attention")  // q, k [B, N, C]
    counted += 4 * numel(in[0]) * static_cast<double>(in[1].toTensor().size(1));
  return nullptr;
}

FlopCounter::FlopCounter()
    : handle_(at::addThreadLocalCallback(at::RecordFunctionCallback(count).needsInputs(true).scopes(
          {at::RecordScope::FUNCTION}))) {
  counted = 0;
}

FlopCounter::~FlopCounter() { at::removeCallback(handle_); }

double FlopCounter::operations() const { return counted; }

}  // namespace diffuse
