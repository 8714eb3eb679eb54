// A trainer's report of the updates since its last report.
#pragma once

#include <cstdint>
#include <vector>

namespace diffuse {

// Seconds per update of a process, by activity.
struct RankTimes {
  double data = 0;           // waiting for data
  double compute = 0;        // the rest
  double communication = 0;  // waiting for other processes and the network
};

// The ranks that others wait for: over 25 % and 10 ms slower than the median in data and computation.
std::vector<int64_t> stragglers(const std::vector<RankTimes>& ranks);

inline constexpr int64_t kTimestepBins = 20;

// Averages over the updates since the last report, the same on all ranks.
struct TrainReport {
  int64_t step = 0;          // updates made so far
  double loss = 0;           // per dimension
  double gradient_norm = 0;  // before clipping
  double learning_rate = 0;  // of the last update
  double samples_per_second = 0;
  double data_wait = 0;  // share of the time spent waiting for data
  double overlap = 0;    // share of the gradient reduction that was hidden behind computing
  std::vector<double> loss_by_timestep;  // mean in each of kTimestepBins equal parts of 0 .. T - 1
  int64_t skipped_steps = 0;             // updates skipped for non-finite gradients, since step 0
  int64_t skipped_lately = 0;            // the same since the last report
  std::vector<RankTimes> ranks;          // one per rank
};

}  // namespace diffuse
