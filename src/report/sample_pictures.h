// The pictures that `diffuse sample` wrote, as a report shows them. Links are not followed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace diffuse {

struct SamplePicture {
  std::string bytes{};          // of a PNG, GIF or WebP
  std::string parameters{};     // how the samples were drawn, as JSON; "" if the file does not say
  size_t shown = 0, files = 0;  // of a folder: pictures in the grid, and in all
};

// A file's picture, or the grid of a folder's first 64 PNGs by name, of those that `sample` wrote in one size.
// Empty for anything else. Throws Error naming a damaged PNG.
std::optional<SamplePicture> sample_picture(const std::filesystem::path& path);

}  // namespace diffuse
