#include "src/config/in_config.h"

namespace diffuse {

bool starts_with_json_path(std::string_view message) {
  for (const char* const section :
       {"/data/", "/condition/", "/model/", "/diffusion/", "/train/", "/sample/"})
    if (message.starts_with(section)) return true;
  return false;
}

}  // namespace diffuse
