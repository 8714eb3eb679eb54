// What a set of data holds.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "diffuse/config/config.h"
#include "diffuse/data/dataset.h"
#include "src/data/image_survey.h"
#include "src/data/number_range.h"

namespace diffuse {

// How many of a set's items are of each class.
std::vector<std::pair<std::string, int64_t>> count_classes(const Dataset& set);

// What there is to say of a set.
struct Inspection {
  DataConfig config;
  std::shared_ptr<const Dataset> train, held_out;
  std::optional<ImageSurvey> survey;  // of pictures in files
  ChannelMoments moments;             // of the training items, as stored
  NumberRange range;
  std::vector<std::pair<std::string, int64_t>> classes;  // and their training items

  // What a picture of the items shows: all that there is, where that is not in [-1, 1].
  DataConfig shown_range() const;
};

// In the data's own units. Damaged pictures are left out and named.
Inspection inspect(Config config);

nlohmann::ordered_json json_of(const Inspection& found);
std::string text_of(const Inspection& found);  // for people, lines

}  // namespace diffuse
