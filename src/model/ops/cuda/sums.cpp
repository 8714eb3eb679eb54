#include "sums.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

#include "kernels/sums_arguments.cuh"
#include "src/core/cuda/kernel_launcher.h"
#include "tiling.h"

namespace diffuse::ops::cuda {
namespace {

using diffuse::cuda::kernels_for;

static_assert(kSums == kMostOfLaunch && kSums <= 128, "the kernels' search halves from 64");
static_assert(std::max(sizeof(Sums<TensorSum>), sizeof(Sums<ColumnSum>)) <= 4096,
              "more than CUDA passes to a kernel");

constexpr const char* kSumsText = "src/model/ops/cuda/kernels/sums.cuh";

bool divisible_by_four(const at::Tensor& x) {
  return reinterpret_cast<uintptr_t>(pointer(x)) % (4 * x.element_size()) == 0;
}

// Nothing where the kernel does not take the memory as it is.
std::optional<TensorSum> arguments_of(const Addition& addition) {
  const auto& [to, from] = addition;
  TORCH_CHECK(to.sizes() == from.sizes(), "a sum of ", to.sizes(), " and ", from.sizes());
  const bool same = to.strides() == from.strides() && to.is_non_overlapping_and_dense();
  const bool rows = to.dim() == 2 && to.stride(1) == 1 && from.is_contiguous();
  if (to.scalar_type() != at::kFloat || to.numel() == 0 || (!same && !rows)) return std::nullopt;
  const int64_t columns = same ? to.numel() : to.size(1), stride = same ? columns : to.stride(0);
  if (std::max(columns, stride) > std::numeric_limits<int>::max()) return std::nullopt;
  const bool packed =
      columns % 4 == 0 && stride % 4 == 0 && divisible_by_four(to) && divisible_by_four(from);
  return TensorSum{writable_as<float>(to),   pointer(from), to.numel(), static_cast<int>(columns),
                   static_cast<int>(stride), packed,        0};
}

// All of one type and device, with so many blocks each.
template <class Argument, class Blocks>
void launch_sums(const char* kernel, const std::vector<Argument>& all, const Blocks& blocks_of,
                 c10::Device device, at::ScalarType type, bool added) {
  for (size_t begin = 0; begin < all.size(); begin += kSums) {
    Sums<Argument> part{};
    part.added = added;
    int64_t blocks = 0;
    for (size_t i = begin; i < std::min(begin + kSums, all.size()); ++i) {
      Argument& argument = part.of[part.count++] = all[i];
      argument.first_block = static_cast<int>(blocks);
      blocks += blocks_of(argument);
    }
    diffuse::cuda::launch(*kernels_for(device, type, kSumsText), {kSumsText, type},
                          {kernel, {blocks, 1}}, device, part);
  }
}

}  // namespace

void add_all(const std::vector<Addition>& additions) {
  const at::NoGradGuard no_grad;
  std::map<at::ScalarType, std::vector<TensorSum>> taken;
  for (const Addition& addition : additions) {
    std::optional<TensorSum> arguments;
    if (kernels_for(addition.from, kSumsText) != nullptr) arguments = arguments_of(addition);
    if (arguments)
      taken[addition.from.scalar_type()].push_back(*arguments);
    else
      at::Tensor(addition.to).add_(addition.from);
  }
  const auto blocks = [](const TensorSum& sum) { return quotient_up(sum.count, kNumbersOfSum); };
  for (const auto& [type, all] : taken)
    launch_sums("add_tensors", all, blocks, additions[0].to.device(), type, true);
}

bool takes_column_totals(c10::Device device, at::ScalarType type) {
  return kernels_for(device, type, kSumsText) != nullptr;
}

void total_columns(const std::vector<ColumnTotals>& totals, bool added) {
  std::map<at::ScalarType, std::vector<ColumnSum>> taken;
  for (const auto& [from, to] : totals) {
    const int64_t rows = from.size(0), columns = from.size(1);
    TORCH_CHECK(
        from.is_contiguous() && !to.empty() && to.size() <= 3 && columns % std::ssize(to) == 0,
        "totals of ", from.sizes(), " in ", to.size(), " tensors");
    if (columns == 0) continue;
    ColumnSum sum{pointer(from),
                  {},
                  static_cast<int>(rows),
                  static_cast<int>(columns),
                  static_cast<int>(columns / std::ssize(to)),
                  0};
    for (size_t i = 0; i < to.size(); ++i) sum.to[i] = writable_as<float>(to[i]);
    taken[from.scalar_type()].push_back(sum);
  }
  const auto blocks = [](const ColumnSum& sum) { return quotient_up(sum.columns, kColumnsOfSum); };
  for (const auto& [type, all] : taken)
    launch_sums("sum_columns", all, blocks, totals[0].from.device(), type, added);
}

}  // namespace diffuse::ops::cuda
