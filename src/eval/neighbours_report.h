// Samples and their nearest training items, for programs and for people.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "src/eval/neighbours.h"
#include "src/pictures/image_file.h"

namespace diffuse {

// A list: the numbers of each sample's neighbours and their distances.
nlohmann::ordered_json json_of(const Neighbours& neighbours);

// A row for each sample: itself, then its neighbours.
// Images [B, C, H, W] in the units of `data`.
Image neighbour_table(const at::Tensor& samples, const Neighbours& neighbours,
                      const Dataset& training, const DataConfig& data);

}  // namespace diffuse
