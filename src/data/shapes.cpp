// Pictures of a shape each. A pixel's colour is mixed by how much of it the outline covers, so edges
// are smooth at any size.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "diffuse/core/error.h"
#include "diffuse/core/random.h"
#include "outlines.h"
#include "parallel.h"
#include "sources.h"

namespace diffuse {
namespace {

using Colour = std::array<float, 3>;

float smooth_step(float x) {
  const float u = std::clamp(x, 0.0F, 1.0F);
  return u * u * (3 - 2 * u);
}
Colour mix(const Colour& a, const Colour& b, float share) {
  Colour result;
  for (size_t c = 0; c < 3; ++c) result[c] = a[c] + (b[c] - a[c]) * share;
  return result;
}

struct Palette {
  Colour top;     // background
  Colour bottom;  // background
  Colour shape;
};

Colour rgb(uint32_t hex) {
  return {static_cast<float>(hex >> 16 & 255), static_cast<float>(hex >> 8 & 255),
          static_cast<float>(hex & 255)};
}

const std::vector<Palette>& palettes() {
  static const std::vector<Palette> all{
      {rgb(0xFDF3DC), rgb(0xF6D5B0), rgb(0x1B8A8F)},  // cream, teal
      {rgb(0xE6F2FB), rgb(0xB9D6EE), rgb(0xE8604C)},  // sky, coral
      {rgb(0xE9F7EC), rgb(0xB5DFC6), rgb(0x8E3B8A)},  // mint, plum
      {rgb(0xFFF6D2), rgb(0xFBDD8D), rgb(0x3F4FA8)},  // straw, indigo
      {rgb(0xFCEAEE), rgb(0xF3BFC9), rgb(0x2F7D5B)},  // blush, green
      {rgb(0xEFEAFB), rgb(0xC8BBEA), rgb(0xE2762B)},  // lilac, orange
      {rgb(0x2B3A67), rgb(0x141C3C), rgb(0xF7C548)},  // night, gold
      {rgb(0x1F5460), rgb(0x0D2B36), rgb(0xF49D9A)},  // sea, salmon
  };
  return all;
}

struct Scene {
  size_t label;
  Palette palette;
  Point centre;  // in [-1, 1] x [-1, 1], the whole picture
  float radius;
  float cosine, sine;

  // Distance in units of half the picture.
  float distance(float x, float y) const {
    const float dx = (x - centre.x) / radius;
    const float dy = (y - centre.y) / radius;
    return radius * outline_distance(label, {cosine * dx + sine * dy, cosine * dy - sine * dx});
  }
};

Scene draw_scene(size_t label, RandomStream random) {
  const auto between = [&](double low, double high) {
    return static_cast<float>(low + (high - low) * random.uniform());
  };
  Scene scene;
  scene.label = label;
  scene.palette = palettes()[random.below(static_cast<int64_t>(palettes().size()))];
  scene.radius = between(0.5, 0.68);
  const float reach = 0.82F - scene.radius;  // keeps the shape inside the picture
  scene.centre = {between(-reach, reach), between(-reach, reach)};
  const float angle = between(-0.3, 0.3);
  scene.cosine = std::cos(angle);
  scene.sine = std::sin(angle);
  return scene;
}

Colour colour_at(const Scene& scene, float x, float y, float pixel) {
  const auto& [top, bottom, shape] = scene.palette;
  Colour colour = mix(top, bottom, smooth_step((y + 1) / 2));
  // A soft shadow below and to the right.
  const float shadow = 1 - smooth_step((scene.distance(x - 0.07F, y - 0.1F) + 0.1F) / 0.28F);
  colour = mix(colour, {30, 25, 60}, 0.28F * shadow);
  // Lit from the upper left.
  const float light =
      (scene.centre.x - x + scene.centre.y - y) / scene.radius;  // about -1.4 .. 1.4
  const Colour lit = light > 0 ? mix(shape, {255, 255, 255}, 0.24F * light)
                               : mix(shape, {20, 10, 50}, -0.2F * light);
  const float coverage = std::clamp(0.5F - scene.distance(x, y) / pixel, 0.0F, 1.0F);
  return mix(colour, lit, coverage);
}

// Planes R, G, B.
void draw(const Scene& scene, int64_t size, uint8_t* out) {
  const float pixel = 2.0F / static_cast<float>(size);
  for (int64_t row = 0; row < size; ++row) {
    for (int64_t column = 0; column < size; ++column) {
      const float x = (static_cast<float>(column) + 0.5F) * pixel - 1;
      const float y = (static_cast<float>(row) + 0.5F) * pixel - 1;
      const Colour colour = colour_at(scene, x, y, pixel);
      for (size_t c = 0; c < 3; ++c)
        out[(c * size + row) * size + column] =
            static_cast<uint8_t>(std::lround(std::clamp(colour[c], 0.0F, 255.0F)));
    }
  }
}

}  // namespace

ImageSet draw_shapes(const DataConfig& config, Split split, uint64_t seed) {
  constexpr uint64_t kHeldOutOffset = uint64_t{1} << 40;
  const int64_t trained = config.count > 0 ? config.count : 20'000;
  const int64_t held_out =
      config.held_out > 0 ? config.held_out : std::max<int64_t>(1, trained / 20);
  const int64_t count = split == Split::kTrain ? trained : held_out;
  const uint64_t first = split == Split::kTrain ? 0 : kHeldOutOffset;
  const int64_t size = config.image_size > 0 ? config.image_size : 32;

  ImageSet set;
  set.channels = 3;
  set.height = set.width = size;
  set.class_names = outline_names();
  check_memory(config, count, set.item_bytes(), "/data/type shapes");
  set.pixels.resize(count * set.item_bytes());
  set.labels.resize(count);
  parallel_for(count, [&](int64_t i) {
    const size_t label = i % set.class_names.size();
    const Scene scene = draw_scene(label, RandomStream(seed, Purpose::kDataset, first + i));
    draw(scene, size, set.pixels.data() + i * set.item_bytes());
    set.labels[i] = static_cast<int64_t>(label);
  });
  fit_to_config(set, config, Enlarge::kResize, "/data/type shapes");
  return set;
}

}  // namespace diffuse
