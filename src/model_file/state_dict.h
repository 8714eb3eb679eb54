// State dicts in other programs' layouts, renamed into ours.
#pragma once

#include <functional>
#include <string>

#include "diffuse/config/config.h"
#include "diffuse/model_file/checkpoint.h"

namespace diffuse {

// One program's layout.
struct Layout {
  const char* name;
  const char* sign;  // a tensor that only this layout has

  // Our names; a fused qkv keeps its own, after the attention's.
  NamedTensors (*rename)(const NamedTensors& tensors);

  // What the program takes for granted, for T steps.
  void (*defaults)(Config& config, int64_t timesteps);
};

// The layout that a state dict is in, or null.
const Layout* find_layout(const NamedTensors& tensors);

TensorsByName by_name(const NamedTensors& tensors);

}  // namespace diffuse
