#include "diffuse/train/train_report.h"

#include <algorithm>

namespace diffuse {

static constexpr double kUnnoticed = 0.01;  // seconds per update: variations of the OS scheduler

std::vector<int64_t> stragglers(const std::vector<RankTimes>& ranks) {
  std::vector<double> busy;
  for (const RankTimes& rank : ranks) busy.push_back(rank.data + rank.compute);
  std::vector<double> sorted = busy;
  std::sort(sorted.begin(), sorted.end());
  const double median = sorted[(sorted.size() - 1) / 2];
  std::vector<int64_t> slow;
  for (size_t rank = 0; rank < busy.size(); ++rank)
    if (busy[rank] > std::max(1.25 * median, median + kUnnoticed))
      slow.push_back(static_cast<int64_t>(rank));
  return slow;
}

}  // namespace diffuse
