#include "diffuse/core/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace diffuse {

using Block = std::array<uint32_t, 4>;

// Random123's published vectors (tests/kat_vectors, philox4x32 10).
TEST(Philox, GivesThePublishedVectors) {
  constexpr uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Values from tests/reference/random_stream.py: they fix what every seed means.
class ReferenceStream : public testing::Test {
 protected:
  RandomStream stream_{42, Purpose::kNoise, (uint64_t{1} << 32) + 7, 3};
};

TEST_F(ReferenceStream, GivesTheReferenceWords) {
  for (const uint32_t word :
       {0x29844c27u, 0x2b2dc3d9u, 0xb1fc4b0au, 0x557ba051u, 0xaee743d5u, 0xd2a7b87au})
    EXPECT_EQ(stream_.next(), word);
}

TEST_F(ReferenceStream, FillsWithTheWordsOfNext) {
  for (const size_t skipped : {0, 1, 3, 4})
    for (const size_t count : {0, 1, 2, 5, 64, 70, 139}) {
      RandomStream one = stream_, many = stream_;
      for (size_t i = 0; i < skipped; ++i) one.next(), many.next();
      std::vector<uint32_t> words(count);
      many.fill(words);
      for (const uint32_t word : words) EXPECT_EQ(word, one.next());
      EXPECT_EQ(many.next(), one.next()) << skipped << " skipped, " << count << " filled";
    }
}

TEST_F(ReferenceStream, GivesTheReferenceUniform) {
  EXPECT_EQ(stream_.uniform(), 0.16217494922891884);
}

TEST_F(ReferenceStream, FillsWithTheReferenceNormals) {
  std::vector<float> values(3);  // an odd count drops the second of the last pair
  stream_.fill_normal(values);
  EXPECT_FLOAT_EQ(values[0], 0.9328611988285685f);
  EXPECT_FLOAT_EQ(values[1], 1.6637094604112777f);
  EXPECT_FLOAT_EQ(values[2], -0.429014903090577f);
}

TEST_F(ReferenceStream, DrawsSingleNormalsFromThePairs) {
  EXPECT_DOUBLE_EQ(stream_.normal(), 0.9328611988285685);
  EXPECT_DOUBLE_EQ(stream_.normal(), -0.429014903090577);
}

TEST(RandomStream, DependsOnEachOfItsFourParts) {
  std::set<uint64_t> firsts;
  for (const uint64_t seed : {0, 1, 2})
    for (const Purpose purpose : {Purpose::kInit, Purpose::kNoise, Purpose::kForward})
      for (const uint64_t index : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32})
        for (const uint32_t step : {0, 1, 999})
          firsts.insert(RandomStream(seed, purpose, index, step).next_u64());
  EXPECT_EQ(firsts.size(), 81u);
}

TEST(RandomStream, IsTheSameEachTime) {
  RandomStream a(7, Purpose::kShuffle, 3), b(7, Purpose::kShuffle, 3);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
}

TEST(RandomStream, SeeksWhereItWouldHaveCome) {
  RandomStream walked(7, Purpose::kShuffle, 3);
  for (int64_t word = 0; word < 20; ++word) {
    RandomStream sought(7, Purpose::kShuffle, 3);
    sought.next();
    sought.seek(word);
    RandomStream copy = walked;
    for (int i = 0; i < 9; ++i) EXPECT_EQ(sought.next(), copy.next()) << word << ' ' << i;
    walked.next();
  }
}

static std::vector<float> normals(RandomStream stream, size_t count) {
  std::vector<float> values(count);
  stream.fill_normal(values);
  return values;
}

static double mean_power(const std::vector<float>& values, int power) {
  double sum = 0;
  for (const double value : values) sum += std::pow(value, power);
  return sum / static_cast<double>(values.size());
}

// N(0, 1) has moments 0, 1, 0, 3; the bounds are 4 standard errors, sqrt(var(x^k) / n), with
// var = 1, 2, 15, 96.
TEST(RandomStream, DrawsNormalsWithTheRightMoments) {
  constexpr double n = 1e6;
  const std::vector<float> values = normals(RandomStream(1, Purpose::kNoise), size_t{1'000'000});
  EXPECT_NEAR(mean_power(values, 1), 0, 4 * std::sqrt(1 / n));
  EXPECT_NEAR(mean_power(values, 2), 1, 4 * std::sqrt(2 / n));
  EXPECT_NEAR(mean_power(values, 3), 0, 4 * std::sqrt(15 / n));
  EXPECT_NEAR(mean_power(values, 4), 3, 4 * std::sqrt(96 / n));
}

static double correlation(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum / static_cast<double>(a.size());
}

TEST(RandomStream, IsIndependentOfItsNeighbours) {
  constexpr size_t n = 100'000;
  const double bound = 4 / std::sqrt(static_cast<double>(n));
  const auto base = normals(RandomStream(1, Purpose::kNoise, 5, 5), n);
  EXPECT_NEAR(correlation(base, normals(RandomStream(2, Purpose::kNoise, 5, 5), n)), 0, bound);
  EXPECT_NEAR(correlation(base, normals(RandomStream(1, Purpose::kTimestep, 5, 5), n)), 0, bound);
  EXPECT_NEAR(correlation(base, normals(RandomStream(1, Purpose::kNoise, 6, 5), n)), 0, bound);
  EXPECT_NEAR(correlation(base, normals(RandomStream(1, Purpose::kNoise, 5, 6), n)), 0, bound);
}

// The first value of stream i, for many i: how a data set or a batch uses streams.
TEST(RandomStream, IsUniformAcrossIndices) {
  constexpr int kBins = 20, kDraws = 100'000;
  std::array<int, kBins> counts{};
  for (uint64_t i = 0; i < kDraws; ++i)
    ++counts[static_cast<size_t>(RandomStream(3, Purpose::kTimestep, i).uniform() * kBins)];
  double chi2 = 0;
  for (const int count : counts) chi2 += std::pow(count - kDraws / kBins, 2) / (kDraws / kBins);
  EXPECT_LT(chi2, 43.8);  // 19 degrees of freedom: 1 in 1000 exceeds it
}

TEST(RandomStream, DrawsBelowWithoutBias) {
  RandomStream stream(4, Purpose::kShuffle);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70'000; ++i) ++counts.at(static_cast<size_t>(stream.below(7)));
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 4 * std::sqrt(10'000.0));
}

TEST(RandomStream, StaysBelowItsBound) {
  RandomStream stream(5, Purpose::kShuffle);
  for (const int64_t n : {int64_t{1}, int64_t{2}, (int64_t{1} << 62) + 1, INT64_MAX}) {
    for (int i = 0; i < 1000; ++i) {
      const int64_t value = stream.below(n);
      ASSERT_GE(value, 0);
      ASSERT_LT(value, n);
    }
  }
}

TEST(RandomStream, DrawsUniformsInTheUnitInterval) {
  RandomStream stream(6, Purpose::kAugment);
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double value = stream.uniform();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
  }
  EXPECT_NEAR(sum / 100'000, 0.5, 4 * std::sqrt(1.0 / 12 / 100'000));
}

}  // namespace diffuse
