// State dicts in other programs' layouts, converted to our names.
#pragma once

#include <functional>
#include <string>

#include "diffuse/config/config.h"
#include "diffuse/model_file/checkpoint.h"

namespace diffuse {

// A program's layout.
struct Layout {
  const char* name;
  const char* sign;  // a tensor that only this layout has

  // To our names; a fused qkv keeps its own name after the attention's.
  NamedTensors (*rename)(const NamedTensors& tensors);

  // The program's defaults, for T steps.
  void (*defaults)(Config& config, int64_t timesteps);
};

// The layout of a state dict, or null.
const Layout* find_layout(const NamedTensors& tensors);

TensorsByName by_name(const NamedTensors& tensors);

}  // namespace diffuse
