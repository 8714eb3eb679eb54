// Errors that speak of a config's JSON paths, with the config's name in front.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "diffuse/core/error.h"

namespace diffuse {

// "/model/channels: ..." and the like, as thrown by what is built from a config.
bool starts_with_json_path(std::string_view message);

// Calls `build`; an Error that speaks of a JSON path gets the config file's name put in front.
template <class Build>
auto in_config(const std::filesystem::path& file, const Build& build) {
  try {
    return build();
  } catch (const Error& error) {
    throw Error(starts_with_json_path(error.what()) ? file.string() + ": " : "", error.what());
  }
}

}  // namespace diffuse
