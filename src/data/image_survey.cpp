#include "src/data/image_survey.h"

#include <algorithm>

#include "diffuse/data/dataset.h"
#include "picture_entries.h"

namespace diffuse {

ImageSurvey survey_images(const DataConfig& config) {
  const PictureLayout layout =
      lay_out_pictures(resolve_path(config, ""), config.on_error == OnError::kSkip);
  std::vector<PictureEntry> entries = layout.train;
  entries.insert(entries.end(), layout.held_out.begin(), layout.held_out.end());
  std::vector<Image> sizes(entries.size());  // without their pixels
  const auto problems = problems_of(*layout.files, entries, [&](int64_t i, const Image& image) {
    sizes[i] = {image.height, image.width, image.channels, {}};
  });
  ImageSurvey survey;
  survey.files = static_cast<int64_t>(sizes.size());
  survey.left_out = layout.left_out.lines();
  for (const std::string& line : layout.others.lines()) survey.left_out.push_back(line);
  survey.notes = layout.notes;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (!problems[i].empty()) {
      survey.bad.push_back(problems[i]);
      continue;
    }
    const auto widen = [](int64_t value, int64_t& least, int64_t& most) {
      least = most == 0 ? value : std::min(least, value);
      most = std::max(most, value);
    };
    widen(sizes[i].height, survey.min_height, survey.max_height);
    widen(sizes[i].width, survey.min_width, survey.max_width);
    if (sizes[i].channels == 1) ++survey.grey;
  }
  return survey;
}

}  // namespace diffuse
