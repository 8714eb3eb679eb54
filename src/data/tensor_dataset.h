// Items in memory: uint8 images [N, C, H, W], or float32 of any shape [N, ...].
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "diffuse/data/dataset.h"

namespace diffuse {

// `labels`: [N] with class names, else empty.
std::shared_ptr<const Dataset> make_tensor_dataset(at::Tensor items, SampleKind kind,
                                                   std::vector<int64_t> labels = {},
                                                   std::vector<std::string> class_names = {});

}  // namespace diffuse
