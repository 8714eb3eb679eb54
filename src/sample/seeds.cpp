#include "seeds.h"

#include <algorithm>
#include <string_view>

#include "diffuse/core/error.h"
#include "src/core/whole_number.h"

namespace diffuse {

// One bound of `range`.
static uint64_t parse_seed(std::string_view text, const std::string& range) {
  if (const auto value = parse_unsigned(text)) return *value;
  throw Error("--seeds: expected whole numbers and ranges such as 0-63 or 1,5,9, got \"", range,
              "\"");
}

std::vector<StreamKey> parse_seeds(const std::string& text) {
  std::vector<StreamKey> keys;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const size_t dash = part.find('-');
    const uint64_t first = parse_seed(part.substr(0, dash), part);
    const uint64_t last =
        dash == std::string::npos ? first : parse_seed(part.substr(dash + 1), part);
    if (last < first) throw Error("--seeds: expected an increasing range, got \"", part, "\"");
    if (last - first >= 10'000'000)
      throw Error("--seeds: more than 10,000,000 seeds in \"", part, "\"");
    for (uint64_t i = 0; i <= last - first; ++i) keys.push_back({first + i, 0});
    begin = end + 1;
  }
  return keys;
}

}  // namespace diffuse
