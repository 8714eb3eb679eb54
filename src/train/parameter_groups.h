// Which parameters of a network are trained, and at which share of the learning rate, by patterns of their names.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "diffuse/config/config.h"

namespace diffuse {

// Whether a name such as "down_blocks.0.resnets.1.conv1.weight" matches: `*` stands for any text, dots included,
// `?` for one character. A pattern without them also matches the names that begin with its parts.
bool matches_name(std::string_view pattern, std::string_view name);

// Sets requires_grad to false for what config.freeze names, or config.train_only does not. Throws Error naming the
// JSON path if a pattern matches no parameter, or if none is left to train.
void freeze_parameters(const TrainConfig& config, const torch::nn::Module& network);

// The numbers of the parameters that are trained.
int64_t trained_count(const torch::nn::Module& network);

// By the parameter.
using RateFactors = std::unordered_map<const c10::TensorImpl*, double>;

// config.learning_rates' factors of the trained parameters that a pattern matches. Throws Error naming the JSON path
// if a pattern matches none, or two match one.
RateFactors rate_factors(const TrainConfig& config, const torch::nn::Module& network);

}  // namespace diffuse
