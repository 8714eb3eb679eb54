// Signed distances, in units of the shape's radius: negative inside. Pixels blend colours by coverage, so
// edges are smooth at any size.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "diffuse/core/error.h"
#include "diffuse/core/random.h"
#include "parallel.h"
#include "sources.h"

namespace diffuse {
namespace {

constexpr float kPi = std::numbers::pi_v<float>;

struct Point {
  float x = 0;
  float y = 0;  // down
};
using Polygon = std::vector<Point>;
using Colour = std::array<float, 3>;

float length(float x, float y) { return std::sqrt(x * x + y * y); }
float smooth_step(float x) {
  const float u = std::clamp(x, 0.0F, 1.0F);
  return u * u * (3 - 2 * u);
}
Colour mix(const Colour& a, const Colour& b, float share) {
  Colour result;
  for (size_t c = 0; c < 3; ++c) result[c] = a[c] + (b[c] - a[c]) * share;
  return result;
}

// Distance to the nearest side, negative if a ray to the right crosses an odd number of sides.
float polygon_distance(const Polygon& corners, Point p) {
  float nearest = 1e9F;
  bool inside = false;
  Point a = corners.back();
  for (const Point b : corners) {
    const float ex = b.x - a.x;
    const float ey = b.y - a.y;
    const float along = ((p.x - a.x) * ex + (p.y - a.y) * ey) / (ex * ex + ey * ey);
    const float u = std::clamp(along, 0.0F, 1.0F);
    const float dx = p.x - a.x - u * ex;
    const float dy = p.y - a.y - u * ey;
    nearest = std::min(nearest, dx * dx + dy * dy);
    if ((a.y > p.y) != (b.y > p.y) && p.x < a.x + (p.y - a.y) / ey * ex) inside = !inside;
    a = b;
  }
  return inside ? -std::sqrt(nearest) : std::sqrt(nearest);
}

// Corners on circles of alternating radius, the first one on top.
Polygon regular(int corners, float outer, float inner) {
  Polygon polygon;
  for (int i = 0; i < corners; ++i) {
    const float angle = 2 * kPi * static_cast<float>(i) / static_cast<float>(corners);
    const float radius = i % 2 == 0 ? outer : inner;
    polygon.push_back({radius * std::sin(angle), -radius * std::cos(angle)});
  }
  return polygon;
}

// The curve (16 sin^3 a, 13 cos a - 5 cos 2a - 2 cos 3a - cos 4a), scaled and centred.
Polygon heart() {
  Polygon polygon;
  constexpr int kCorners = 32;
  for (int i = 0; i < kCorners; ++i) {
    const float a = 2 * kPi * static_cast<float>(i) / kCorners;
    const float s = std::sin(a);
    const float y = 13 * std::cos(a) - 5 * std::cos(2 * a) - 2 * std::cos(3 * a) - std::cos(4 * a);
    polygon.push_back({s * s * s, -(y + 2.5F) / 16});
  }
  return polygon;
}

// The disc of radius 1 without the disc of radius 0.82 about (0.5, -0.12). The two circles meet at
// the angles +-outer and +-inner from the line between their centres (law of cosines).
Polygon crescent() {
  constexpr float kRadius = 0.82F;
  constexpr int kSteps = 16;
  const Point bite{0.5F, -0.12F};
  const float d = length(bite.x, bite.y);
  const float axis = std::atan2(bite.y, bite.x);
  const float outer = std::acos((1 + d * d - kRadius * kRadius) / (2 * d));
  const float inner = std::acos((1 - d * d - kRadius * kRadius) / (2 * d * kRadius));
  Polygon polygon;
  for (int i = 0; i < 2 * kSteps; ++i) {  // along the outer arc, then back along the inner one
    const bool back = i >= kSteps;
    const float share = static_cast<float>(back ? 2 * kSteps - i : i) / kSteps;
    const float meeting = back ? inner : outer;
    const float angle = axis + meeting + share * 2 * (kPi - meeting);
    polygon.push_back(
        back ? Point{bite.x + kRadius * std::cos(angle), bite.y + kRadius * std::sin(angle)}
             : Point{std::cos(angle), std::sin(angle)});
  }
  return polygon;
}

// The kinds in label order. Polygons are drawn `rounding` larger, with rounded corners.
struct Kind {
  const char* name;
  Polygon corners;
  float rounding = 0;
};

const std::vector<Kind>& kinds() {
  constexpr float kArm = 0.27F;
  static const std::vector<Kind> all{
      {"disc", {}},
      {"ring", {}},
      {"square", {{-.72F, -.72F}, {.72F, -.72F}, {.72F, .72F}, {-.72F, .72F}}, .12F},
      {"diamond", {{0, -.98F}, {.6F, 0}, {0, .98F}, {-.6F, 0}}, .08F},
      {"triangle", {{0, -.84F}, {.84F, .62F}, {-.84F, .62F}}, .14F},
      {"star", regular(10, .98F, .45F), .1F},
      {"cross",
       {{-kArm, -.9F},
        {kArm, -.9F},
        {kArm, -kArm},
        {.9F, -kArm},
        {.9F, kArm},
        {kArm, kArm},
        {kArm, .9F},
        {-kArm, .9F},
        {-kArm, kArm},
        {-.9F, kArm},
        {-.9F, -kArm},
        {-kArm, -kArm}},
       .1F},
      {"heart", heart(), .02F},
      {"crescent", crescent(), .03F},
      {"hexagon", regular(6, .88F, .88F), .1F}};
  return all;
}

float shape_distance(size_t label, Point p) {
  const Kind& kind = kinds()[label];
  const float radius = length(p.x, p.y);
  if (!kind.corners.empty())
    return radius > 1.5F ? radius - 1.14F : polygon_distance(kind.corners, p) - kind.rounding;
  return label == 0 ? radius - 0.94F : std::abs(radius - 0.74F) - 0.26F;
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
    return radius * shape_distance(label, {cosine * dx + sine * dy, cosine * dy - sine * dx});
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
  for (const Kind& kind : kinds()) set.class_names.emplace_back(kind.name);
  check_memory(config, count, set.item_bytes(), "/data/type shapes");
  set.pixels.resize(count * set.item_bytes());
  set.labels.resize(count);
  parallel_for(count, [&](int64_t i) {
    const size_t label = i % kinds().size();
    const Scene scene = draw_scene(label, RandomStream(seed, Purpose::kDataset, first + i));
    draw(scene, size, set.pixels.data() + i * set.item_bytes());
    set.labels[i] = static_cast<int64_t>(label);
  });
  fit_to_config(set, config, Enlarge::kResize, "/data/type shapes");
  return set;
}

}  // namespace diffuse
