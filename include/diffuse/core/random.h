// Counter-based random streams: a value depends only on (seed, purpose, index, step), not on the batch
// size, the number of processes or the order of draws.
// Philox4x32-10, J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (2011).
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace diffuse {

// The purpose of a stream. The numbers are part of every seed's meaning: never renumber.
enum class Purpose : uint32_t {
  kInit = 1,               // network initialisation
  kDataset = 2,            // generated data sets; index = item
  kShuffle = 3,            // epoch order; index = epoch
  kAugment = 4,            // flips; index = global sample number
  kTimestep = 5,           // t of a training sample; index = global sample number
  kNoise = 6,              // epsilon of a training sample; index = global sample number
  kDropout = 7,            // dropout; index = global sample number, step = layer
  kLabelDropout = 8,       // dropped labels; index = global sample number
  kSampleStart = 9,        // x_T of a generated image; index = image
  kSampleStep = 10,        // noise of a reverse step; index = image, step = t (inpaint: the move)
  kEvaluation = 11,        // held-out loss and bound: index = item, step = t
  kForward = 12,           // forward-process pictures; index = item, step = t
  kKnownPart = 13,         // inpaint: noise of the known part; index = image, step = the move
  kSelfCondition = 14,     // which updates train self-conditioning; index = step
  kCondition = 15,         // masks and noise of conditions; index = sample, step = which of these
  kConditionDropout = 16,  // dropped conditions; index = global sample number
};

// Philox4x32-10: one block of four words.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

class RandomStream {
 public:
  RandomStream(uint64_t seed, Purpose purpose, uint64_t index = 0, uint32_t step = 0);

  void seek(int64_t word);                 // to the state after `word` calls of next()
  uint32_t next();                         // 32 random bits
  void fill(std::span<uint32_t> out);      // out.size() calls of next(), faster
  uint64_t next_u64();                     // 64 random bits
  double uniform();                        // [0, 1), 53 bits
  int64_t below(int64_t n);                // 0 .. n-1, unbiased
  double normal();                         // N(0, 1)
  void fill_normal(std::span<float> out);  // N(0, 1), Box-Muller

 private:
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;  // {block, step, index low, index high}
  std::array<uint32_t, 4> block_{};
  int used_ = 4;  // words of block_ already used
};

}  // namespace diffuse
