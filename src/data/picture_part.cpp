#include "picture_part.h"

#include <algorithm>
#include <string_view>

namespace diffuse {

NamedPart part_of(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return 'A' <= c && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  constexpr std::string_view kRest = "0123456789_- ";
  name.erase(name.find_last_not_of(kRest) + 1);
  for (const std::string_view ending : {"set", "data", "images"})
    if (name.ends_with(ending)) name.erase(name.size() - ending.size());
  name.erase(name.find_last_not_of(kRest) + 1);
  const size_t begin = name.find_last_of("_- ") + 1;  // 0 for none
  const std::string before = name.substr(0, begin);
  name.erase(0, begin);
  if (name == "train" || name == "training") return {Part::kTrain, before};
  if (name == "val" || name == "valid" || name == "validation") return {Part::kValidation, before};
  if (name == "test" || name == "testing") return {Part::kTest, before};
  return {};
}

std::string find_held_out(const std::vector<std::string>& folders, const std::string& before) {
  for (const Part part : {Part::kValidation, Part::kTest})
    for (const std::string& name : folders)
      if (const NamedPart is = part_of(name); is.part == part && is.before == before) return name;
  return "";
}

std::string find_train(const std::vector<std::string>& folders) {
  std::vector<std::string> found;
  for (const std::string& name : folders) {
    const NamedPart is = part_of(name);
    if (is.part != Part::kTrain) continue;
    if (is.before.empty()) return name;
    if (!find_held_out(folders, is.before).empty()) found.push_back(name);
  }
  return found.size() == 1 ? found[0] : "";
}

}  // namespace diffuse
