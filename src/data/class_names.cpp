#include "src/data/class_names.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <utility>

#include "diffuse/core/error.h"
#include "src/core/json_text.h"

namespace diffuse {

std::vector<std::string> class_names_of(const Dataset& set) {
  std::vector<std::string> names = set.class_names();
  std::set<std::string> taken;
  for (std::string& name : names) {
    using nlohmann::json;
    const auto text = json::parse(json_text(json(name))).get<std::string>();
    name = text;
    for (int64_t i = 2; !taken.insert(name).second; ++i) name = concat(text, "-", i);
  }
  return names;
}

bool are_numbers(const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] != std::to_string(i)) return false;
  return true;
}

// The first names of `some` that are not in `others`.
static std::string missing_from(const std::vector<std::string>& others,
                                const std::vector<std::string>& some) {
  constexpr size_t kShown = 10;
  std::vector<std::string> missing;
  for (const std::string& name : some)
    if (!contains(others, name)) missing.push_back(printable(name));
  const size_t count = missing.size();
  missing.resize(std::min(count, kShown));
  return join(missing) + (count > kShown ? concat(" ... (", count, ")") : "");
}

std::string class_difference(const std::vector<std::string>& data,
                             const std::vector<std::string>& model) {
  std::vector<std::string> parts;
  const std::string more = missing_from(model, data), fewer = missing_from(data, model);
  if (!more.empty()) parts.push_back("not in the model: " + more);
  if (!fewer.empty()) parts.push_back("not in the data: " + fewer);
  return parts.empty() ? "in a different order" : join(parts, "; ");
}

static ClassMap by_number(size_t count, std::string note) {
  ClassMap map{std::vector<int64_t>(count), std::move(note)};
  std::iota(map.numbers.begin(), map.numbers.end(), 0);
  return map;
}

ClassMap map_classes(const std::vector<std::string>& data, const std::vector<std::string>& model,
                     const std::string& what) {
  if (data == model) return by_number(data.size(), "");
  if (are_numbers(data) && data.size() <= model.size())
    return by_number(data.size(), concat("the data's classes are numbers: 0 is read as ",
                                         printable(model[0]), ", and so on"));
  if (model.empty() || (are_numbers(model) && data.size() == model.size()))
    return by_number(data.size(), concat("the model's classes have only numbers: ",
                                         printable(data[0]), " is read as 0, and so on"));
  ClassMap map;
  for (const std::string& name : data) {
    const auto found = std::find(model.begin(), model.end(), name);
    if (found == model.end())
      throw Error(what, ": classes differ from the model's; ", class_difference(data, model));
    map.numbers.push_back(found - model.begin());
  }
  map.note = concat("classes are matched by name, as the model's list differs; ",
                    class_difference(data, model));
  return map;
}

namespace {

class RelabelledDataset : public Dataset {
 public:
  RelabelledDataset(std::shared_ptr<const Dataset> set, std::vector<int64_t> numbers,
                    std::vector<std::string> names)
      : set_(std::move(set)), numbers_(std::move(numbers)), names_(std::move(names)) {}

  int64_t size() const override { return set_->size(); }
  std::vector<int64_t> sample_shape() const override { return set_->sample_shape(); }
  SampleKind sample_kind() const override { return set_->sample_kind(); }
  std::vector<std::string> class_names() const override { return names_; }
  int64_t label(int64_t index) const override { return numbers_.at(set_->label(index)); }
  ChannelMoments normalization() const override { return set_->normalization(); }
  at::Tensor gather(std::span<const int64_t> indices) const override {
    return set_->gather(indices);
  }
  at::Tensor bytes() const override { return set_->bytes(); }
  at::Tensor condition(std::span<const int64_t> indices) const override {
    return set_->condition(indices);
  }
  std::vector<int64_t> condition_shape() const override { return set_->condition_shape(); }

 private:
  std::shared_ptr<const Dataset> set_;
  std::vector<int64_t> numbers_;
  std::vector<std::string> names_;
};

}  // namespace

std::shared_ptr<const Dataset> with_classes(std::shared_ptr<const Dataset> set, ClassMap map,
                                            std::vector<std::string> model) {
  return std::make_shared<RelabelledDataset>(std::move(set), std::move(map.numbers),
                                             std::move(model));
}

}  // namespace diffuse
