#include "diffuse/distributed/world.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <numeric>

#include "tests/distributed/worlds.h"
#include "tests/message_of.h"

namespace diffuse {

using testing_distributed::run_worlds;

static void expect_no_exceptions(const std::vector<std::string>& thrown) {
  for (const std::string& what : thrown) EXPECT_EQ(what, "");
}

TEST(World, OfOneGivesBackWhatItGets) {
  World world;
  at::Tensor x = at::arange(5);
  world.sum(x);
  EXPECT_TRUE(at::equal(x, at::arange(5)));
  EXPECT_TRUE(at::equal(world.gather_rows(x, 5), x));
  EXPECT_EQ(world.start_max([] { return 7; })(), 7);
  EXPECT_EQ(world.share(5).size(), 5);
}

TEST(World, SharesCoverEveryRowOnceAndDifferByOne) {
  std::atomic<int64_t> covered = 0;
  expect_no_exceptions(run_worlds(3, [&](World& world) {
    for (const int64_t count : {0, 2, 3, 128}) {
      const Share share = world.share(count);
      covered += share.size();
      EXPECT_LE(std::abs(3 * share.size() - count), 2);
    }
  }));
  EXPECT_EQ(covered, 133);
}

TEST(World, SumsGathersAndAgrees) {
  expect_no_exceptions(run_worlds(3, [](World& world) {
    const int64_t rank = world.rank();
    at::Tensor x = at::full({2}, rank + 1, at::kDouble);
    world.sum(x);
    EXPECT_EQ(x[1].item<double>(), 6);

    const Share own = world.share(7);
    const at::Tensor all = at::arange(14, at::kFloat).view({7, 2}) / 3;
    EXPECT_TRUE(at::equal(world.gather_rows(all.slice(0, own.begin, own.end), 7), all));

    at::Tensor y = at::full({3}, rank + 5);
    world.broadcast({y});
    EXPECT_EQ(y[2].item<int64_t>(), 5);
    world.broadcast({x += rank, y += rank}, 2);
    EXPECT_EQ(x[1].item<double>(), 8);
    EXPECT_EQ(y[2].item<int64_t>(), 7);

    EXPECT_EQ(world.start_max([&] { return rank * 10; })(), 20);
  }));
}

// Rank 0 is busy with files for longer than the peer timeout, which to meet may take most of; the other
// waits for it in a collective.
static void wait_for_files(const char* phase) {
  constexpr unsigned kPeerTimeout = 8;
  const auto body = [&](World& world) {
    world.phase(world.is_first() ? phase : "loading data", 1);
    if (world.is_first()) sleep(kPeerTimeout + 1);
    const at::Tensor x = at::full({1}, world.rank());
    world.broadcast({x});
    EXPECT_EQ(x.item<int64_t>(), 0);
  };
  expect_no_exceptions(run_worlds(2, body, kPeerTimeout));
}

TEST(World, WaitsForARankThatIsSlowToStart) { wait_for_files("start"); }

TEST(World, WaitsForARankThatIsSlowToSave) { wait_for_files("saving"); }

TEST(World, RefusesARankThatDiffersFromRankZero) {
  expect_no_exceptions(run_worlds(2, [](World& world) {
    world.check_same("config", "seed 1");
    const std::string seed = world.is_first() ? "1" : "2";
    EXPECT_EQ(message_of([&] { world.check_same("seed", seed); }),
              world.is_first()
                  ? ""
                  : "rank 1 has a different seed from rank 0's; start all with the same");
  }));
}

TEST(World, NamesTheRanksThatDoNotCome) {
  const Launch launch{.rank = 0, .size = 3, .local_size = 3, .host = "127.0.0.1", .port = 0};
  try {
    World world(launch, c10::kCPU, /*peer_timeout=*/0.2);
    FAIL() << "met ranks that do not exist";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("of 3 processes, rank 1, 2 did not connect"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace diffuse
