#include "diffuse/core/random.h"

#include <cmath>
#include <numbers>

namespace diffuse {

// The ten rounds of `lanes` counters at once: the multiplications of one counter depend on one another.
template <size_t lanes>
static void philox_rounds(std::array<std::array<uint32_t, lanes>, 4>& c,
                          std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    for (size_t i = 0; i < lanes; ++i) {
      const uint64_t product0 = uint64_t{0xD2511F53} * c[0][i];
      const uint64_t product1 = uint64_t{0xCD9E8D57} * c[2][i];
      c[0][i] = static_cast<uint32_t>(product1 >> 32) ^ c[1][i] ^ key[0];
      c[1][i] = static_cast<uint32_t>(product1);
      c[2][i] = static_cast<uint32_t>(product0 >> 32) ^ c[3][i] ^ key[1];
      c[3][i] = static_cast<uint32_t>(product0);
    }
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
}

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  std::array<std::array<uint32_t, 1>, 4> c{
      {{counter[0]}, {counter[1]}, {counter[2]}, {counter[3]}}};
  philox_rounds(c, key);
  return {c[0][0], c[1][0], c[2][0], c[3][0]};
}

// SplitMix64's finaliser: spreads (seed, purpose) over all 64 key bits.
static uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

RandomStream::RandomStream(uint64_t seed, Purpose purpose, uint64_t index, uint32_t step) {
  const uint64_t key = mix(mix(seed + 0x9E3779B97F4A7C15) + static_cast<uint64_t>(purpose));
  key_ = {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
  counter_ = {0, step, static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32)};
}

void RandomStream::seek(int64_t word) {
  counter_[0] = static_cast<uint32_t>(word / 4);
  for (used_ = 4; word % 4 != 0; --word) next();
}

uint32_t RandomStream::next() {
  if (used_ == 4) {
    block_ = philox(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[used_++];
}

void RandomStream::fill(std::span<uint32_t> out) {
  constexpr size_t kLanes = 16;
  size_t at = 0;
  while (at < out.size() && used_ < 4) out[at++] = next();
  for (; at + 4 * kLanes <= out.size(); counter_[0] += kLanes) {
    std::array<std::array<uint32_t, kLanes>, 4> c;
    for (size_t i = 0; i < kLanes; ++i)
      for (size_t word = 0; word < 4; ++word)
        c[word][i] = counter_[word] + (word == 0 ? static_cast<uint32_t>(i) : 0);
    philox_rounds(c, key_);
    for (size_t i = 0; i < kLanes; ++i)
      for (size_t word = 0; word < 4; ++word) out[at++] = c[word][i];
  }
  while (at < out.size()) out[at++] = next();
}

uint64_t RandomStream::next_u64() {
  const uint64_t high = next();
  return high << 32 | next();
}

double RandomStream::uniform() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }

int64_t RandomStream::below(int64_t n) {
  const auto range = static_cast<uint64_t>(n);
  const uint64_t limit = UINT64_MAX - UINT64_MAX % range;  // a multiple of n: no modulo bias
  uint64_t value = next_u64();
  while (value >= limit) value = next_u64();
  return static_cast<int64_t>(value % range);
}

// Box-Muller: two words become two independent N(0, 1) values.
static std::array<double, 2> normal_pair(uint32_t a, uint32_t b) {
  const double u = (a + 0.5) * 0x1p-32;  // (0, 1): the logarithm is finite
  const double angle = 2 * std::numbers::pi * (b * 0x1p-32);
  const double radius = std::sqrt(-2 * std::log(u));
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

double RandomStream::normal() {
  const uint32_t a = next();
  return normal_pair(a, next())[0];
}

void RandomStream::fill_normal(std::span<float> out) {
  for (size_t i = 0; i < out.size(); i += 2) {
    const uint32_t a = next();
    const auto [first, second] = normal_pair(a, next());
    out[i] = static_cast<float>(first);
    if (i + 1 < out.size()) out[i + 1] = static_cast<float>(second);
  }
}

}  // namespace diffuse
