#include "src/data/batch_loader.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "diffuse/core/error.h"
#include "tests/message_of.h"

namespace diffuse {
namespace {

// Item i is the picture of one row (i, i + 0.25, i + 0.5) with the label i % 3.
class Counting : public Dataset {
 public:
  explicit Counting(int64_t size, int64_t broken = -1) : size_(size), broken_(broken) {}

  int64_t size() const override { return size_; }
  std::vector<int64_t> sample_shape() const override { return {1, 1, 3}; }
  SampleKind sample_kind() const override { return SampleKind::kFloatImage; }
  std::vector<std::string> class_names() const override { return {"a", "b", "c"}; }
  int64_t label(int64_t index) const override { return index % 3; }

  at::Tensor gather(std::span<const int64_t> indices) const override {
    ++gathered;
    std::vector<float> x;
    for (const int64_t i : indices) {
      if (i == broken_) throw Error("item ", i, " is broken");
      for (const float offset : {0.0F, 0.25F, 0.5F}) x.push_back(static_cast<float>(i) + offset);
    }
    at::Tensor batch = at::empty({static_cast<int64_t>(indices.size()), 1, 1, 3}, at::kFloat);
    std::copy(x.begin(), x.end(), batch.mutable_data_ptr<float>());
    return batch;
  }

  mutable std::atomic<int64_t> gathered{0};

 private:
  int64_t size_, broken_;
};

std::shared_ptr<const Dataset> counting(int64_t size, int64_t broken = -1) {
  return std::make_shared<Counting>(size, broken);
}

LoaderOptions options(int64_t batch, uint64_t seed = 5) {
  LoaderOptions options;
  options.global_batch = batch;
  options.rank_end = batch;
  options.seed = seed;
  return options;
}

std::vector<int64_t> items(const Batch& batch) {
  std::vector<int64_t> result;
  for (int64_t row = 0; row < batch.x.size(0); ++row)
    result.push_back(static_cast<int64_t>(batch.x.const_data_ptr<float>()[row * 3 + 1]));
  return result;
}

// The items of the next `steps` batches.
std::vector<int64_t> order(BatchLoader& loader, int steps) {
  std::vector<int64_t> result;
  for (int step = 0; step < steps; ++step) {
    const std::vector<int64_t> batch = items(loader.next());
    result.insert(result.end(), batch.begin(), batch.end());
  }
  return result;
}

TEST(BatchLoader, VisitsEveryItemOnceAnEpoch) {
  BatchLoader loader(counting(10), options(4));
  std::vector<int64_t> first = order(loader, 5);  // two epochs
  std::vector<int64_t> second(first.begin() + 10, first.end());
  first.resize(10);
  EXPECT_NE(first, second);
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  EXPECT_EQ(first, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(second, first);
}

// The order is part of what a seed means. From the generator's definition, in Python:
// tests/reference/loader_order.py.
TEST(BatchLoader, ShufflesAsTheReferenceDoes) {
  BatchLoader loader(counting(10), options(10));
  EXPECT_EQ(items(loader.next()), (std::vector<int64_t>{0, 9, 5, 6, 8, 7, 1, 3, 2, 4}));
  EXPECT_EQ(items(loader.next()), (std::vector<int64_t>{0, 6, 4, 1, 2, 8, 5, 7, 3, 9}));
}

TEST(BatchLoader, GivesTheLabelsOfItsItems) {
  BatchLoader loader(counting(10), options(7));
  const Batch batch = loader.next();
  const std::vector<int64_t> rows = items(batch);
  ASSERT_EQ(batch.labels.size(0), 7);
  for (size_t row = 0; row < 7; ++row)
    EXPECT_EQ(batch.labels.const_data_ptr<int64_t>()[row], rows[row] % 3);
}

TEST(BatchLoader, LeavesLabelsOutWhereThereAreNone) {
  const DataConfig points{.type = DataType::kGaussian, .path = ""};
  BatchLoader loader(make_dataset(points, Split::kTrain, 0), options(7));
  const Batch batch = loader.next();
  EXPECT_FALSE(batch.labels.defined());
  EXPECT_EQ(batch.x.sizes(), (at::IntArrayRef{7, 2}));
}

TEST(BatchLoader, DoesNotDependOnTheBatchSize) {
  BatchLoader small(counting(10), options(3));
  BatchLoader large(counting(10), options(24));  // more than two epochs in a batch
  EXPECT_EQ(order(small, 16), order(large, 2));
}

TEST(BatchLoader, DependsOnTheSeed) {
  BatchLoader one(counting(100), options(100, 1));
  BatchLoader other(counting(100), options(100, 2));
  EXPECT_NE(order(one, 1), order(other, 1));
}

TEST(BatchLoader, DealsTheSameOrderToAnyNumberOfRanks) {
  BatchLoader whole(counting(10), options(8));
  const std::vector<int64_t> expected = order(whole, 6);
  for (const std::vector<int64_t>& cuts :
       {std::vector<int64_t>{0, 4, 8}, std::vector<int64_t>{0, 3, 6, 8}}) {
    std::vector<std::unique_ptr<BatchLoader>> ranks;
    for (size_t rank = 0; rank + 1 < cuts.size(); ++rank) {
      LoaderOptions share = options(8);
      share.rank_begin = cuts[rank];
      share.rank_end = cuts[rank + 1];
      ranks.push_back(std::make_unique<BatchLoader>(counting(10), share));
    }
    std::vector<int64_t> dealt;
    for (int64_t step = 0; step < 6; ++step) {
      for (size_t rank = 0; rank < ranks.size(); ++rank) {
        const Batch batch = ranks[rank]->next();
        EXPECT_EQ(batch.first_sample, step * 8 + cuts[rank]);
        for (const int64_t item : items(batch)) dealt.push_back(item);
      }
    }
    EXPECT_EQ(dealt, expected);
  }
}

TEST(BatchLoader, ResumesAsIfItHadRunOn) {
  LoaderOptions flipped = options(4);
  flipped.horizontal_flip = true;
  BatchLoader through(counting(10), flipped);
  order(through, 6);
  flipped.first_step = 6;
  BatchLoader resumed(counting(10), flipped);
  for (int step = 6; step < 12; ++step) {
    const Batch expected = through.next();
    const Batch batch = resumed.next();
    EXPECT_EQ(batch.first_sample, 4 * step);
    EXPECT_TRUE(batch.x.equal(expected.x));
    EXPECT_TRUE(batch.labels.equal(expected.labels));
  }
}

TEST(BatchLoader, MirrorsHalfOfTheImages) {
  LoaderOptions flipped = options(1000);
  flipped.horizontal_flip = true;
  BatchLoader loader(counting(1000), flipped);
  const Batch batch = loader.next();
  int64_t mirrored = 0;
  for (int64_t row = 0; row < 1000; ++row) {
    const float* x = batch.x.const_data_ptr<float>() + row * 3;
    const float item = x[1] - 0.25F;
    const bool flip = x[0] > x[2];
    EXPECT_EQ(x[0], item + (flip ? 0.5F : 0.0F));
    EXPECT_EQ(x[2], item + (flip ? 0.0F : 0.5F));
    mirrored += flip;
  }
  EXPECT_NEAR(static_cast<double>(mirrored), 500, 64);  // four standard deviations
}

TEST(BatchLoader, MirrorsTheSameSamplesWhateverTheBatchSize) {
  const auto first_pixels = [](int64_t batch_size) {
    LoaderOptions flipped = options(batch_size);
    flipped.horizontal_flip = true;
    BatchLoader loader(counting(10), flipped);
    std::vector<float> result;
    while (result.size() < 48) {
      const Batch batch = loader.next();
      for (int64_t row = 0; row < batch_size; ++row)
        result.push_back(batch.x.const_data_ptr<float>()[row * 3]);
    }
    return result;
  };
  EXPECT_EQ(first_pixels(3), first_pixels(24));
}

TEST(BatchLoader, RethrowsWhatFailedBehindAfterTheGoodBatches) {
  BatchLoader reference(counting(10), options(1));
  const std::vector<int64_t> all = order(reference, 10);
  BatchLoader loader(counting(10, all[3]), options(1));
  EXPECT_EQ(order(loader, 3), (std::vector<int64_t>{all[0], all[1], all[2]}));
  for (int attempt = 0; attempt < 2; ++attempt)
    EXPECT_EQ(message_of([&] { loader.next(); }), concat("item ", all[3], " is broken"));
}

TEST(BatchLoader, EndsWhileItsQueueIsFull) {
  const auto set = std::make_shared<const Counting>(10);
  LoaderOptions two = options(1);
  two.prefetch = 2;
  {
    BatchLoader loader(set, two);
    loader.next();
    while (set->gathered < 4) std::this_thread::yield();  // one given out, two kept, one waiting
  }
  EXPECT_EQ(set->gathered, 4);  // it never ran further ahead
  for (int i = 0; i < 20; ++i) BatchLoader unused(set, two);
}

TEST(BatchLoader, RefusesRowsOutsideTheBatch) {
  LoaderOptions wrong = options(8);
  wrong.rank_end = 9;
  EXPECT_ANY_THROW(BatchLoader(counting(10), wrong));
  wrong.rank_begin = wrong.rank_end = 4;
  EXPECT_ANY_THROW(BatchLoader(counting(10), wrong));
  EXPECT_ANY_THROW(BatchLoader(counting(0), options(8)));
}

// Stored with item i: its picture, ten times as bright, twice.
class WithPictures : public Counting {
 public:
  using Counting::Counting;
  at::Tensor condition(std::span<const int64_t> indices) const override {
    const at::Tensor x = gather(indices);
    return at::cat({x, x}, 1) * 10;
  }
  std::vector<int64_t> condition_shape() const override { return {2, 1, 3}; }
};

TEST(BatchLoader, StoredPicturesFollowTheirItems) {
  LoaderOptions flipped = options(64);
  flipped.horizontal_flip = true;
  flipped.rank_begin = 24;  // the second of two processes, later in the run
  flipped.first_step = 3;
  BatchLoader loader(std::make_shared<WithPictures>(100), flipped);
  int64_t mirrored = 0;
  for (int step = 0; step < 3; ++step) {
    const Batch batch = loader.next();
    ASSERT_EQ(batch.condition.sizes(), at::IntArrayRef({40, 2, 1, 3}));
    EXPECT_TRUE(at::equal(batch.condition, at::cat({batch.x, batch.x}, 1) * 10));
    mirrored += (batch.x.select(3, 0) > batch.x.select(3, 2)).sum().item<int64_t>();
  }
  EXPECT_GT(mirrored, 20);
  EXPECT_LT(mirrored, 100);
}

}  // namespace
}  // namespace diffuse
