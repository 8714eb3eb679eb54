#include "src/distributed/shards.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/distributed/worlds.h"

namespace diffuse {

using testing_distributed::run_worlds;

static std::vector<int64_t> loads(const std::vector<int64_t>& sizes, int64_t ranks) {
  std::vector<int64_t> loads(ranks);
  const auto owners = balanced_owners(sizes, ranks);
  for (size_t i = 0; i < sizes.size(); ++i) loads.at(owners[i]) += sizes[i];
  return loads;
}

// By hand: 7, 6, 5, 4, 4 and 2 go to ranks 0, 1, 2, 2, 1 and 0.
TEST(BalancedOwners, GivesTheLargestFirstToTheRankWithLeast) {
  EXPECT_EQ(balanced_owners({2, 4, 7, 4, 5, 6}, 3), (std::vector<int64_t>{0, 2, 0, 1, 2, 1}));
  EXPECT_EQ(loads({2, 4, 7, 4, 5, 6}, 3), (std::vector<int64_t>{9, 10, 9}));
}

TEST(BalancedOwners, DifferByOneItemAtMost) {
  std::vector<int64_t> sizes;
  for (int64_t i = 0; i < 200; ++i) sizes.push_back(1 + i * i * 7919 % 10007);
  const int64_t largest = *std::max_element(sizes.begin(), sizes.end());
  for (const int64_t ranks : {1, 2, 3, 8, 64}) {
    const auto each = loads(sizes, ranks);
    const auto [least, most] = std::minmax_element(each.begin(), each.end());
    EXPECT_LE(*most - *least, largest) << ranks;
    EXPECT_EQ(std::accumulate(each.begin(), each.end(), int64_t{0}),
              std::accumulate(sizes.begin(), sizes.end(), int64_t{0}));
  }
}

TEST(BalancedOwners, LeavesRanksWithoutWhereThereAreTooFew) {
  EXPECT_EQ(balanced_owners({5, 9}, 4), (std::vector<int64_t>{1, 0}));
}

// Of sizes 1, 2 and 3 rank 0 owns the last, rank 1 the middle one, rank 2 the first, rank 3 none.
TEST(Shards, SendParametersFromTheirOwnersAndGatherWhatTheyKeep) {
  const auto thrown = run_worlds(4, [](World& world) {
    const auto rank = static_cast<double>(world.rank());
    const std::vector<at::Tensor> parameters{at::full({1}, rank), at::full({2}, rank),
                                             at::full({3}, rank)};
    const Shards shards(world, parameters, true);
    ASSERT_EQ(shards.own().size(), world.rank() < 3 ? 1u : 0u);
    shards.share_parameters();
    for (size_t i = 0; i < 3; ++i)
      EXPECT_TRUE(at::equal(parameters[i], at::full_like(parameters[i], 2.0 - i))) << i;

    std::vector<at::Tensor> kept;
    for (const at::Tensor& own : shards.own()) kept.push_back(own + 10);
    const auto spread = shards.spread(kept), gathered = shards.gather(kept);
    for (int64_t i = 0; i < 3; ++i) {
      EXPECT_EQ(spread[i].is_meta(), world.rank() != 2 - i);
      EXPECT_EQ(spread[i].numel(), i + 1);
      EXPECT_EQ(gathered[i].is_meta(), !world.is_first() && world.rank() != 2 - i);
      if (world.is_first()) {
        EXPECT_TRUE(at::equal(gathered[i], parameters[i] + 10));
      }
    }
  });
  for (const std::string& what : thrown) EXPECT_EQ(what, "");
}

TEST(Shards, OwnEverythingWhenNotSplit) {
  World world;
  const std::vector<at::Tensor> parameters{at::ones({1}), at::ones({2})};
  for (const bool split : {false, true}) {
    const Shards shards(world, parameters, split);
    EXPECT_EQ(shards.own().size(), 2u);
    EXPECT_TRUE(shards.gather(parameters)[1].is_same(parameters[1]));
  }
}

}  // namespace diffuse
