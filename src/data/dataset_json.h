// dataset.json, written by NVIDIA's dataset_tool.py beside its numbered folders of pictures:
// {"labels": [["00000/img00000000.png", 3], ...]}, or null for none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace diffuse {

// Class numbers by path relative to the file's folder; empty if the labels are null. Nullopt for a file of
// another kind. Throws Error "NAME: ..." for a bad label.
std::optional<std::unordered_map<std::string, int64_t>> parse_dataset_json(const std::string& text,
                                                                           const std::string& name);

}  // namespace diffuse
