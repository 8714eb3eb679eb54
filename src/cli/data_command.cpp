// diffuse data inspect: what a set of data holds, and which of its files are bad.
#include <ATen/ATen.h>

#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "commands.h"
#include "common.h"
#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "diffuse/data/image_survey.h"
#include "diffuse/data/normalization.h"
#include "diffuse/data/number_range.h"
#include "diffuse/files/file.h"
#include "outputs.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct InspectFlags {
  fs::path source, out, json;
  std::vector<std::string> overrides;
};

// What there is to say of a set.
struct Inspection {
  DataConfig config;
  std::shared_ptr<const Dataset> train, held_out;
  std::optional<ImageSurvey> survey;  // of pictures in files
  ChannelMoments moments;             // of the training items, as stored
  NumberRange range;
  std::vector<std::pair<std::string, int64_t>> classes;  // and their training items
};

// The first `count` items; of a set with classes they take turns.
at::Tensor first_items(const Dataset& set, int64_t count) {
  std::vector<int64_t> items(std::min(count, set.size()));
  std::iota(items.begin(), items.end(), 0);
  return set.gather(items);
}

Inspection inspect(Config config) {
  Inspection found;
  config.data.normalize = false;
  config.data.range = config.data.mean = config.data.std = {};
  if (config.data.type == "image_folder") {
    config.data.on_error = "skip";  // the survey names what is left out
    found.survey = survey_images(config.data);
  }
  found.config = config.data;
  found.train = make_dataset(config.data, Split::kTrain, config.seed);
  found.held_out = make_dataset(config.data, Split::kHeldOut, config.seed);
  found.moments = channel_moments(*found.train);
  found.range = range_of(*found.train);
  found.classes = count_classes(*found.train);
  return found;
}

nlohmann::ordered_json to_json(const Inspection& found) {
  nlohmann::ordered_json json{{"type", found.config.type},
                              {"path", found.config.path},
                              {"train", found.train->size()},
                              {"held_out", found.held_out->size()},
                              {"sample_shape", found.train->sample_shape()},
                              {"mean", found.moments.mean},
                              {"std", found.moments.std},
                              {"min", found.range.least},
                              {"max", found.range.most},
                              {"classes", nlohmann::ordered_json::object()}};
  for (const auto& [name, count] : found.classes) json["classes"][name] = count;
  if (found.survey)
    json["files"] = {{"count", found.survey->files},
                     {"grey", found.survey->grey},
                     {"min_width", found.survey->min_width},
                     {"max_width", found.survey->max_width},
                     {"min_height", found.survey->min_height},
                     {"max_height", found.survey->max_height},
                     {"bad", found.survey->bad},
                     {"left_out", found.survey->left_out},
                     {"notes", found.survey->notes}};
  return json;
}

void print_numbers(const char* title, const std::vector<double>& numbers) {
  constexpr size_t kShown = 8;
  std::cout << title;
  for (size_t i = 0; i < std::min(numbers.size(), kShown); ++i) std::cout << " " << numbers[i];
  std::cout << (numbers.size() > kShown ? concat(" ... (", numbers.size(), ")") : "") << "\n";
}

void print_text(const Inspection& found) {
  std::cout << std::setprecision(4) << "set      " << found.config.type
            << (found.config.path.empty() ? "" : ", " + found.config.path) << "\n";
  if (const auto& survey = found.survey)
    std::cout << "files    " << survey->files << " pictures, " << survey->bad.size()
              << " unreadable; " << survey->min_width << "x" << survey->min_height << " to "
              << survey->max_width << "x" << survey->max_height << " pixels, " << survey->grey
              << " grey\n";
  std::cout << "items    " << found.train->size() << " to train, " << found.held_out->size()
            << " held out\nshape    " << at::IntArrayRef(found.train->sample_shape()) << "\n";
  if (!found.classes.empty()) {
    std::cout << "classes  " << found.classes.size() << " (training items):";
    for (const auto& [name, count] : found.classes)
      std::cout << " " << printable(name) << " " << count;
    std::cout << "\n";
  }
  print_numbers("mean    ", found.moments.mean);
  print_numbers("std     ", found.moments.std);
  std::cout << "range    " << found.range.least << " to " << found.range.most << "\n";
  if (!found.survey) return;
  for (const std::string& line : found.survey->notes) std::cout << "layout   " << line << "\n";
  for (const std::string& line : found.survey->bad) std::cout << "bad      " << line << "\n";
  for (const std::string& line : found.survey->left_out) std::cout << "left out " << line << "\n";
}

// What a picture of the items shows: all that there is, where that is not in [-1, 1].
DataConfig shown_range(const Inspection& found) {
  DataConfig shown;
  if (!found.range.within_unit() && found.range.least < found.range.most)
    shown.range = {found.range.least, found.range.most};
  return shown;
}

int run_inspect(const InspectFlags& flags) {
  check_outputs({{"-o", flags.out}, {"--json", flags.json}}, {{"source", flags.source}});
  Config config;
  if (ending_of(flags.source) == ".json") {
    config = load_config(flags.source, flags.overrides);
  } else {
    config.data = data_config_of(flags.source);
    config = parse_config(config_to_json(config), flags.source.string(), flags.overrides);
  }
  const Inspection found = in_config(flags.source, [&] { return inspect(config); });
  write_report(flags.json, to_json(found), [&] { print_text(found); });
  if (!flags.out.empty())
    write_png(flags.out, picture_of(first_items(*found.train, 64), shown_range(found)));
  return kGood;
}

}  // namespace

Command add_data(CLI::App& app) {
  auto flags = std::make_shared<InspectFlags>();
  CLI::App* data = app.add_subcommand("data", "Look at data before training on them");
  data->require_subcommand(1);
  data->footer(
      "Examples:\n"
      "  diffuse data inspect configs/shapes.json");
  CLI::App* command =
      data->add_subcommand("inspect", "Count, measure and show a set, and name its bad files");
  command->footer(
      "Examples:\n"
      "  diffuse data inspect configs/shapes.json -o grid.png\n"
      "  diffuse data inspect photos.zip\n"
      "  diffuse data inspect scans.npz --set data.array=x --set data.labels=y\n"
      "  diffuse data inspect configs/flowers.json --set data.path=photos --json -");
  command
      ->add_option(
          "source", flags->source,
          "JSON config, or a folder, .zip, .tar or .tar.gz of pictures, or a .npy, .npz or "
          ".safetensors file")
      ->required();
  command
      ->add_option("--set", flags->overrides,
                   "Set a value of the config, or for a file: data.count=100")
      ->allow_extra_args(false);
  command->add_option("-o,--out", flags->out, "Write the first items as a .png");
  command->add_option("--json", flags->json, "Write the figures as JSON to this file; - = print");
  return [flags] { return run_inspect(*flags); };
}

}  // namespace diffuse::cli
