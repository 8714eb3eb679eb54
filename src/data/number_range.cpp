#include "src/data/number_range.h"

#include <ATen/ops/aminmax.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "diffuse/core/error.h"
#include "src/core/log.h"

namespace diffuse {

NumberRange range_of(const Dataset& set) {
  constexpr int64_t kBatch = 256;
  NumberRange range{std::numeric_limits<double>::infinity(),
                    -std::numeric_limits<double>::infinity()};
  for (int64_t first = 0; first < set.size(); first += kBatch) {
    std::vector<int64_t> items(std::min(kBatch, set.size() - first));
    std::iota(items.begin(), items.end(), first);
    const auto [low, high] = at::aminmax(set.gather(items));
    range.least = std::min(range.least, low.item<double>());
    range.most = std::max(range.most, high.item<double>());
  }
  return range;
}

// The likely scale of such numbers: by bit depth if none is negative.
static NumberRange likely_scale(const NumberRange& found) {
  if (found.least >= 0)
    for (const double most : {255.0, 1023.0, 4095.0, 65535.0})
      if (found.most <= most) return {0, most};
  return found;
}

[[noreturn]] static void refuse(const DataConfig& config, const NumberRange& found) {
  if (!config.range.empty()) {
    const double low = config.range[0], half = (config.range[1] - low) / 2;
    throw Error("/data/range: expected a range that contains all numbers, which go from ",
                low + (found.least + 1) * half, " to ", low + (found.most + 1) * half, ", got [",
                low, ", ", config.range[1], "]; or set sample.clip_x0=false");
  }
  const NumberRange scale = likely_scale(found);
  throw Error("/data/path: ", config.path, ": numbers from ", found.least, " to ", found.most,
              ", but /sample/clip_x0 clips samples of images to [-1, 1]; set data.range=[",
              scale.least, ",", scale.most, "] to scale them, or ",
              "sample.clip_x0=false, with data.normalize=true or without scaling");
}

void check_scale(const DataConfig& config, const Dataset& set, bool clip_x0) {
  constexpr double kFar = 10, kNear = 0.1;
  if (config.type != DataType::kArray) return;
  const NumberRange found = range_of(set);
  if (clip_x0 && set.is_image() && !found.within_unit()) refuse(config, found);
  if (found.most - found.least < kNear)
    log_warning(concat(config.path, ": the network's input is from ", found.least, " to ",
                       found.most,
                       ", so close that noise hides them; expected bytes from 0 to 255, ",
                       "or other numbers scaled to [-1, 1] by data.range or to standard ",
                       "deviation 1 by data.normalize"));
  if (config.mean.empty() && std::max(-found.least, found.most) > kFar)
    log_info(concat(config.path, ": numbers from ", found.least, " to ", found.most,
                    " are not scaled, and the noise is small compared with them; ",
                    "data.normalize or data.range scales them"));
}

}  // namespace diffuse
