#include "depths.h"

#include <algorithm>

#include "diffuse/core/error.h"
#include "src/core/whole_number.h"

namespace diffuse {

std::vector<double> parse_depths(const std::string& text, const DiffusionConfig& diffusion) {
  const int64_t timesteps = diffusion.timesteps;
  const bool chain = diffusion.is_chain();
  if (text.empty()) return {chain ? static_cast<double>(timesteps / 2) : 0.5};
  std::vector<double> depths;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, comma - begin);
    const double depth = chain ? static_cast<double>(parse_integer(part).value_or(-1))
                               : parse_real(part).value_or(-1);
    if (!(depth >= 0 && depth <= (chain ? static_cast<double>(timesteps) : 1)))
      throw Error("--depth: expected ",
                  chain ? concat("diffusion steps from 0 to ", timesteps)
                        : std::string("fractions of the time from 0 to 1"),
                  ", got \"", part, "\"");
    depths.push_back(depth);
    begin = comma + 1;
  }
  return depths;
}

}  // namespace diffuse
