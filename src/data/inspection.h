// The contents of a data set.
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

// The number of a set's items in each class.
std::vector<std::pair<std::string, int64_t>> count_classes(const Dataset& set);

// The figures of a set.
struct Inspection {
  DataConfig config;
  std::shared_ptr<const Dataset> train, held_out;
  std::optional<ImageSurvey> survey;  // of pictures in files
  ChannelMoments moments;             // of the training items, as stored
  NumberRange range;
  std::vector<std::pair<std::string, int64_t>> classes;  // and their training items

  // The range that a picture of the items shows: the whole range of the data if it exceeds [-1, 1].
  DataConfig shown_range() const;
};

// In the data's units. Damaged pictures are skipped and named.
Inspection inspect(Config config);

// The first `count` items, or all; of a set with classes they take turns.
at::Tensor first_items(const Dataset& set, int64_t count);

nlohmann::ordered_json json_of(const Inspection& found);
std::string text_of(const Inspection& found);  // lines for people

}  // namespace diffuse
