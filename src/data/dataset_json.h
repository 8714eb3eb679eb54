// dataset.json, which NVIDIA's dataset_tool.py writes beside its numbered folders of pictures:
// {"labels": [["00000/img00000000.png", 3], ...]}, or null for none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace diffuse {

// Class numbers by path below the file's folder; empty where it says that there are none. Nullopt where the
// file is of another kind. Throws Error "NAME: ..." where a label is none.
std::optional<std::unordered_map<std::string, int64_t>> parse_dataset_json(const std::string& text,
                                                                           const std::string& name);

}  // namespace diffuse
