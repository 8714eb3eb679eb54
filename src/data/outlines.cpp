#include "outlines.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace diffuse {
namespace {

constexpr float kPi = std::numbers::pi_v<float>;

using Polygon = std::vector<Point>;

float length(float x, float y) { return std::sqrt(x * x + y * y); }

// Distance to the nearest side, negative where a ray to the right crosses an odd number of sides.
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
  for (int i = 0; i < 2 * kSteps; ++i) {  // the long way round, then back along the bite
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

// The kinds in the order of their labels. Polygons are drawn `rounding` larger, corners rounded.
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

}  // namespace

std::vector<std::string> outline_names() {
  std::vector<std::string> names;
  for (const Kind& kind : kinds()) names.emplace_back(kind.name);
  return names;
}

float outline_distance(size_t label, Point p) {
  const Kind& kind = kinds()[label];
  const float radius = length(p.x, p.y);
  if (!kind.corners.empty())
    return radius > 1.5F ? radius - 1.14F : polygon_distance(kind.corners, p) - kind.rounding;
  return label == 0 ? radius - 0.94F : std::abs(radius - 0.74F) - 0.26F;
}

}  // namespace diffuse
