#include "src/eval/neighbours_report.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <string>
#include <vector>

#include "diffuse/core/error.h"
#include "src/data/normalization.h"
#include "src/pictures/picture.h"
#include "src/pictures/picture_table.h"

namespace diffuse {

Image neighbour_table(const at::Tensor& samples, const Neighbours& neighbours,
                      const Dataset& training, const DataConfig& data) {
  const auto picture = [&](const at::Tensor& x, int64_t i, int64_t zoom) {
    return to_image(to_picture_range(x, data)[i], zoom);
  };
  const int64_t count = neighbours.items.size(1);
  const int64_t zoom = std::max<int64_t>(1, 80 / samples.size(3));
  std::vector<std::vector<Image>> rows;
  std::vector<std::string> captions{"sample"};
  for (int64_t k = 1; k <= count; ++k) captions.push_back("no. " + std::to_string(k));
  for (int64_t i = 0; i < samples.size(0); ++i) {
    const auto* items = neighbours.items.const_data_ptr<int64_t>() + i * count;
    const at::Tensor near = gather_data_units(training, {items, static_cast<size_t>(count)});
    rows.push_back({picture(samples, i, zoom)});
    for (int64_t k = 0; k < count; ++k) rows.back().push_back(picture(near, k, zoom));
  }
  return draw_table(rows, {}, captions);
}

// Row i as a JSON array.
template <class T>
static std::vector<T> row_of(const at::Tensor& table, int64_t i) {
  const T* const begin = table.const_data_ptr<T>() + i * table.size(1);
  return {begin, begin + table.size(1)};
}

nlohmann::ordered_json json_of(const Neighbours& neighbours) {
  auto list = nlohmann::ordered_json::array();
  for (int64_t i = 0; i < neighbours.items.size(0); ++i)
    list.push_back({{"items", row_of<int64_t>(neighbours.items, i)},
                    {"distances", row_of<double>(neighbours.distances, i)}});
  return list;
}

void add_report(EvalReport& report, const Neighbours& of_samples, const Neighbours& of_held_out,
                int64_t training_items, const nlohmann::ordered_json& sampling) {
  const Estimate nearest = nearest_distance(of_samples);
  const Estimate nearest_of_others = nearest_distance(of_held_out);
  report.json["neighbours"] = {{"training_items", training_items},
                               {"sampling", sampling},
                               {"nearest", json_of(nearest)},
                               {"nearest_of_held_out", json_of(nearest_of_others)},
                               {"samples", json_of(of_samples)}};
  report.text +=
      concat("\nRMS distance to the nearest of ", training_items, " training items\n  of ",
             of_samples.items.size(0), " samples          ", nearest.mean, "\n  of ",
             of_held_out.items.size(0), " held-out items   ", nearest_of_others.mean, "\n");
}

}  // namespace diffuse
