#include "tiling.h"

#include <algorithm>
#include <numeric>

namespace diffuse::ops::cuda {

int64_t column_width(std::initializer_list<int64_t> channels,
                     std::initializer_list<at::Tensor> tensors) {
  constexpr int64_t kBytes = 16;
  const int64_t pack = kBytes / tensors.begin()->element_size();
  for (const int64_t count : channels)
    if (count % pack != 0) return 1;
  for (const at::Tensor& tensor : tensors)
    if (reinterpret_cast<uintptr_t>(pointer(tensor)) % kBytes != 0) return 1;
  return pack;
}

Tiling tiling_of(int64_t batch, int64_t pixels, int64_t channels, int64_t width,
                 int64_t multiprocessors) {
  constexpr int64_t kBlocks = 16, kPixels = 4, kMostChunks = 4096;
  const int64_t columns = channels / width, tile = std::min(columns, kThreads);
  const int64_t tiles = quotient_up(columns, tile), rows = kThreads / tile;
  const int64_t wanted =
      std::max<int64_t>(1, quotient_up(kBlocks * multiprocessors, batch * tiles));
  const int64_t most = std::clamp<int64_t>(pixels / (kPixels * rows), 1, kMostChunks);
  const int64_t chunk_pixels = quotient_up(pixels, std::min(wanted, most));
  return {pixels, channels, tile, tiles, quotient_up(pixels, chunk_pixels), chunk_pixels};
}

std::optional<Tiling> whole_tiling_of(int64_t batch, int64_t pixels, int64_t channels,
                                      int64_t width, int64_t group, int64_t multiprocessors) {
  constexpr int64_t kPixels = 64;
  const int64_t columns = channels / width, unit = std::lcm(group, width) / width;
  const int64_t wanted = quotient_up(3 * multiprocessors, 2);  // blocks
  int64_t tile = columns;
  const auto fits = [&] { return tile <= kThreads && pixels <= kPixels * (kThreads / tile); };
  while (tile % 2 == 0 && tile / 2 % unit == 0 &&
         !(fits() && batch * quotient_up(columns, tile) >= wanted))
    tile /= 2;
  if (!fits()) return std::nullopt;
  return Tiling{pixels, channels, tile, quotient_up(columns, tile), 1, pixels};
}

}  // namespace diffuse::ops::cuda
