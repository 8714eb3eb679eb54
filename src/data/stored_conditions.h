// Conditions stored beside the data: a vector or image for each item.
#pragma once

#include <memory>

#include "diffuse/config/config.h"
#include "diffuse/data/dataset.h"

namespace diffuse {

// `set`, the part `split` of config.data, with condition.path's rows as its items' conditions: pictures are
// paired by name, rows of arrays by number. Numbers are scaled to mean 0 and standard deviation 1 by
// condition.mean and std, which are filled in from the training part where they are empty; 8-bit images are in
// [-1, 1]. Returns the set as it is where nothing is stored. Throws Error if an item has no condition.
std::shared_ptr<const Dataset> with_stored_conditions(std::shared_ptr<const Dataset> set,
                                                      Config& config, Split split);

}  // namespace diffuse
