// Items that stand for a whole set.
#pragma once

#include <cstdint>
#include <vector>

namespace diffuse {

// Items first .. first + count - 1 of n that are evenly spaced over a set of `size`; n may be larger.
inline std::vector<int64_t> spaced_items(int64_t size, int64_t n, int64_t first, int64_t count) {
  std::vector<int64_t> items(count);
  for (int64_t i = 0; i < count; ++i) items[i] = (first + i) * size / n;
  return items;
}

}  // namespace diffuse
