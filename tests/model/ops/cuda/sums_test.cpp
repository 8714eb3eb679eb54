// Many sums in few launches, run on the CPU, against LibTorch's one by one.
#include "src/model/ops/cuda/sums.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/core/cuda/shim_launcher.h"

namespace diffuse::ops::cuda {
namespace {

// More than one launch takes: vectors, filters in both layouts, columns of a matrix, sizes that four divides and
// others, one that several blocks share.
std::vector<Addition> additions_in(at::ScalarType type) {
  std::vector<Addition> all;
  const auto add = [&](const at::Tensor& to) {
    all.push_back({to, at::randn_like(to, at::MemoryFormat::Preserve).to(type)});
  };
  for (int i = 0; i < 90; ++i) add(at::randn({1 + 7 * i}));
  add(at::randn({100, 173}));
  add(at::randn({12, 8, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast));
  add(at::randn({5, 3, 3, 3}));
  for (const int64_t columns : {8, 7}) {
    const at::Tensor matrix = at::randn({30, 20});
    for (const at::Tensor& part : {matrix.narrow(1, 0, columns), matrix.narrow(1, columns, 5)})
      all.push_back({part, at::randn(part.sizes()).to(type)});
  }
  return all;
}

TEST(KernelSums, AddManyTensors) {
  at::manual_seed(8);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
    const auto all = additions_in(type);
    std::vector<at::Tensor> wanted;
    for (const auto& [to, from] : all) wanted.push_back(to + from);
    shim::ShimLauncher launcher;
    add_all(all);
    EXPECT_EQ(launcher.launches, 2);
    for (size_t i = 0; i < all.size(); ++i)
      EXPECT_TRUE(at::equal(all[i].to, wanted[i])) << type << " " << i;
  }
}

TEST(KernelSums, LeaveOtherLayoutsToLibTorch) {
  const at::Tensor to = at::zeros({4, 5}), from = at::randn({5, 4}).t();
  shim::ShimLauncher launcher;
  add_all({{to, from}});
  EXPECT_EQ(launcher.launches, 0);
  EXPECT_TRUE(at::equal(to, from));
}

TEST(KernelSums, TotalColumns) {
  at::manual_seed(9);
  shim::ShimLauncher launcher;
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16})
    for (const bool added : {false, true}) {
      std::vector<ColumnTotals> all;
      for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1, 3}, {7, 96}, {1000, 33}})
        for (const int64_t parts : {1, 3})
          all.push_back(
              {at::randn({rows, columns}).to(type), std::vector<at::Tensor>(parts, at::Tensor())});
      std::vector<std::vector<at::Tensor>> wanted;
      for (auto& [from, to] : all) {
        const auto sums = from.to(at::kDouble).sum(0).chunk(std::ssize(to));
        wanted.emplace_back();
        for (size_t i = 0; i < to.size(); ++i) {
          if (i == 1) {  // left out
            wanted.back().emplace_back();
            continue;
          }
          to[i] = at::randn({sums[i].size(0)});
          wanted.back().push_back(added ? to[i] + sums[i] : sums[i]);
        }
      }
      const int64_t before = launcher.launches;
      total_columns(all, added);
      EXPECT_EQ(launcher.launches, before + 1);
      for (size_t i = 0; i < all.size(); ++i)
        for (size_t part = 0; part < all[i].to.size(); ++part)
          if (wanted[i][part].defined()) {
            EXPECT_TRUE(at::allclose(all[i].to[part].to(at::kDouble),
                                     wanted[i][part].to(at::kDouble), 1e-5, 1e-4))
                << type << added << i << part;
          }
    }
}

}  // namespace
}  // namespace diffuse::ops::cuda
