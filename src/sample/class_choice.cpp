#include "src/sample/class_choice.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>
#include <string_view>

#include "diffuse/core/error.h"
#include "src/core/log.h"

namespace diffuse {

static constexpr std::string_view kByName = "name:";

static std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return "";
  return text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

static std::optional<int64_t> class_called(std::string_view name, const ModelConfig& model) {
  const auto& names = model.class_names;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return {};
  return found - names.begin();
}

static std::string too_large(std::string_view text, const ModelConfig& model) {
  const auto named = class_called(text, model);
  return concat(
      "--class: expected 0 to ", model.classes - 1, ", got ", text,
      named ? concat("; name:", text, " is the class with this name, number ", *named) : "");
}

// The text as a class number, if it is one; logs if a class with that name has another number.
static std::optional<int64_t> class_number(std::string_view text, const ModelConfig& model) {
  int64_t value = 0;
  const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || stop != text.data() + text.size()) return {};
  if (failure != std::errc{} || value < 0 || value >= model.classes)
    throw Error(too_large(text, model));
  const auto named = class_called(text, model);
  if (named && *named != value)
    log_info(concat("--class ", text, ": class number ", text, ", named ",
                    printable(model.class_names[value]), "; name:", text, " is number ", *named));
  return value;
}

// One class of a list.
static std::optional<int64_t> one_class(std::string_view text, const ModelConfig& model) {
  if (text.starts_with(kByName)) return class_called(text.substr(kByName.size()), model);
  if (const auto number = class_number(trimmed(text), model)) return number;
  const auto named = class_called(text, model);
  return named ? named : class_called(trimmed(text), model);
}

[[noreturn]] static void fail_unknown(std::string_view text, const ModelConfig& model) {
  constexpr size_t kShown = 20;
  std::vector<std::string> names;
  for (const std::string& name : model.class_names) names.push_back(printable(name));
  const std::string hint = text.empty() ? "" : did_you_mean(text, names);
  const size_t count = names.size();
  names.resize(std::min(count, kShown));
  throw Error("--class: expected 0 to ", model.classes - 1,
              names.empty() ? " or all" : ", all or one of \"" + join(names, "\", \"") + "\"",
              count > kShown ? concat(" ... (", count, " names)") : "", ", got \"", printable(text),
              "\"", hint);
}

std::vector<int64_t> all_classes(const ModelConfig& model) {
  std::vector<int64_t> classes(model.classes);
  std::iota(classes.begin(), classes.end(), 0);
  return classes;
}

std::vector<int64_t> parse_classes(const std::string& text, const ModelConfig& model) {
  if (model.classes == 0) throw Error("--class ", text, ": this model was trained without classes");
  if (text == "all") {
    if (class_called(text, model))
      log_info("--class all: every class; name:all is the class with this name");
    return all_classes(model);
  }
  std::vector<int64_t> classes;
  for (size_t begin = 0; begin <= text.size();) {
    std::optional<int64_t> found;
    size_t end = text.size();
    while (true) {  // the longest text that is a class: names may contain commas
      found = one_class(std::string_view(text).substr(begin, end - begin), model);
      const size_t comma = found || end == begin ? std::string::npos : text.rfind(',', end - 1);
      if (comma == std::string::npos || comma < begin) break;
      end = comma;
    }
    if (!found) fail_unknown(trimmed(std::string_view(text).substr(begin, end - begin)), model);
    classes.push_back(*found);
    begin = end + 1;
  }
  return classes;
}

at::Tensor labels_in_turn(const std::vector<int64_t>& classes, int64_t first, int64_t rows) {
  if (classes.empty()) return {};
  std::vector<int64_t> labels(rows);
  for (int64_t i = 0; i < rows; ++i) labels[i] = classes[(first + i) % std::ssize(classes)];
  return at::tensor(labels, at::kLong);
}

std::vector<std::string> class_captions(const std::vector<int64_t>& classes,
                                        const ModelConfig& model) {
  std::vector<std::string> captions;
  for (const int64_t label : classes) {
    const std::string name = model.class_names.empty() ? "" : model.class_names.at(label);
    const bool plain = std::ranges::all_of(name, [](char c) { return ' ' <= c && c <= '~'; });
    captions.push_back(plain && !name.empty() ? name.substr(0, 20) : std::to_string(label));
  }
  return captions;
}

}  // namespace diffuse
