// A UNet for tests.
#pragma once

#include "diffuse/config/config.h"

namespace diffuse {

// 16 x 16 colour images, 32 channels: small enough for every test.
inline ModelConfig small_config() {
  ModelConfig config;
  config.channels = 32;
  config.channel_multipliers = {1, 2};
  config.attention_resolutions = {8};
  config.norm_groups = 8;
  config.dropout = 0;
  config.sample_shape = {3, 16, 16};
  return config;
}

}  // namespace diffuse
