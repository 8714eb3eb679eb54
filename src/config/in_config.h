// Errors with a JSON path of a config, prefixed by the config's name.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "diffuse/core/error.h"

namespace diffuse {

// Whether it has the form "/model/channels: ...", as thrown by objects built from a config.
bool starts_with_json_path(std::string_view message);

// Calls `build`; an Error that starts with a JSON path is prefixed by the config file's name.
template <class Build>
auto in_config(const std::filesystem::path& file, const Build& build) {
  try {
    return build();
  } catch (const Error& error) {
    throw Error(starts_with_json_path(error.what()) ? file.string() + ": " : "", error.what());
  }
}

}  // namespace diffuse
