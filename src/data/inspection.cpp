#include "src/data/inspection.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "diffuse/core/error.h"
#include "src/data/normalization.h"

namespace diffuse {

std::vector<std::pair<std::string, int64_t>> count_classes(const Dataset& set) {
  std::vector<std::pair<std::string, int64_t>> counts;
  for (const std::string& name : set.class_names()) counts.emplace_back(name, 0);
  if (!counts.empty())
    for (int64_t i = 0; i < set.size(); ++i) ++counts.at(set.label(i)).second;
  return counts;
}

DataConfig Inspection::shown_range() const {
  DataConfig shown;
  if (!range.within_unit() && range.least < range.most) shown.range = {range.least, range.most};
  return shown;
}

Inspection inspect(Config config) {
  Inspection found;
  config.data.normalize = false;
  config.data.range = config.data.mean = config.data.std = {};
  if (config.data.type == DataType::kImageFolder) {
    config.data.on_error = OnError::kSkip;  // the survey names skipped items
    found.survey = survey_images(config.data);
  }
  found.config = config.data;
  found.train = make_dataset(config.data, Split::kTrain, config.seed);
  found.held_out = make_dataset(config.data, Split::kHeldOut, config.seed);
  found.moments = channel_moments(*found.train);
  found.range = range_of(*found.train);
  found.classes = count_classes(*found.train);
  return found;
}

at::Tensor first_items(const Dataset& set, int64_t count) {
  std::vector<int64_t> items(std::min(count, set.size()));
  std::iota(items.begin(), items.end(), int64_t{0});
  return set.gather(items);
}

nlohmann::ordered_json json_of(const Inspection& found) {
  nlohmann::ordered_json json{{"type", word_of(found.config.type)},
                              {"path", found.config.path},
                              {"train", found.train->size()},
                              {"held_out", found.held_out->size()},
                              {"sample_shape", found.train->sample_shape()},
                              {"mean", found.moments.mean},
                              {"std", found.moments.std},
                              {"min", found.range.least},
                              {"max", found.range.most},
                              {"classes", nlohmann::ordered_json::object()}};
  for (const auto& [name, count] : found.classes) json["classes"][name] = count;
  if (found.survey)
    json["files"] = {{"count", found.survey->files},
                     {"grey", found.survey->grey},
                     {"min_width", found.survey->min_width},
                     {"max_width", found.survey->max_width},
                     {"min_height", found.survey->min_height},
                     {"max_height", found.survey->max_height},
                     {"bad", found.survey->bad},
                     {"left_out", found.survey->left_out},
                     {"notes", found.survey->notes}};
  return json;
}

static void add_numbers(std::ostream& out, const char* title, const std::vector<double>& numbers) {
  constexpr size_t kShown = 8;
  out << title;
  for (size_t i = 0; i < std::min(numbers.size(), kShown); ++i) out << " " << numbers[i];
  out << (numbers.size() > kShown ? concat(" ... (", numbers.size(), ")") : "") << "\n";
}

std::string text_of(const Inspection& found) {
  std::ostringstream out;
  out << std::setprecision(4) << "set      " << found.config.type
      << (found.config.path.empty() ? "" : ", " + found.config.path) << "\n";
  if (const auto& survey = found.survey)
    out << "files    " << survey->files << " pictures, " << survey->bad.size() << " unreadable; "
        << survey->min_width << "x" << survey->min_height << " to " << survey->max_width << "x"
        << survey->max_height << " pixels, " << survey->grey << " grey\n";
  out << "items    " << found.train->size() << " to train, " << found.held_out->size()
      << " held out\nshape    " << at::IntArrayRef(found.train->sample_shape()) << "\n";
  if (!found.classes.empty()) {
    out << "classes  " << found.classes.size() << " (training items):";
    for (const auto& [name, count] : found.classes) out << " " << printable(name) << " " << count;
    out << "\n";
  }
  add_numbers(out, "mean    ", found.moments.mean);
  add_numbers(out, "std     ", found.moments.std);
  out << "range    " << found.range.least << " to " << found.range.most << "\n";
  if (!found.survey) return out.str();
  for (const std::string& line : found.survey->notes) out << "layout   " << line << "\n";
  for (const std::string& line : found.survey->bad) out << "bad      " << line << "\n";
  for (const std::string& line : found.survey->left_out) out << "left out " << line << "\n";
  return out.str();
}

}  // namespace diffuse
