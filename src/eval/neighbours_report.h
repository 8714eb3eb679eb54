// Samples and their nearest training items, for programs and for people.
#pragma once

#include <nlohmann/json.hpp>

#include "src/eval/eval_report.h"
#include "src/eval/neighbours.h"
#include "src/pictures/image_file.h"

namespace diffuse {

// A list: the numbers of each sample's neighbours and their distances.
nlohmann::ordered_json json_of(const Neighbours& neighbours);

// As "neighbours": of samples, with the settings of sampling, and of held-out items.
void add_report(EvalReport& report, const Neighbours& of_samples, const Neighbours& of_held_out,
                int64_t training_items, const nlohmann::ordered_json& sampling);

// A row for each sample: itself, then its neighbours.
// Images [B, C, H, W] in the units of `data`.
Image neighbour_table(const at::Tensor& samples, const Neighbours& neighbours,
                      const Dataset& training, const DataConfig& data);

}  // namespace diffuse
