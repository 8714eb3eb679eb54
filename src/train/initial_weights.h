// A trained model as the start of another training.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "diffuse/config/config.h"
#include "diffuse/model/network.h"
#include "diffuse/model_file/checkpoint.h"

namespace diffuse {

// The config of a model file without its data's facts, for training on other data: `overrides` as --set.
Config config_of_model(const std::filesystem::path& file,
                       const std::vector<std::string>& overrides);

// The averaged weights of a model file for `fresh`, the network of `config`, as a checkpoint without training
// state. By parameter name: tensors of the same shape are taken as they are. Those that read or write samples
// of another number of channels are adapted: a grey sample, repeated in all channels, gives what it gave.
// Classes keep the embedding of the class of that name, else of that number; further ones begin as "no class".
// What is left keeps the values of `fresh`. Logs all three. Throws Error naming --init if nothing fits.
Checkpoint initial_weights(const std::filesystem::path& file, const Config& config,
                           const Network& fresh);

}  // namespace diffuse
