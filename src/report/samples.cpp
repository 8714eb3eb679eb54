#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "diffuse/core/error.h"
#include "html.h"
#include "page.h"
#include "sample_pictures.h"
#include "src/files/file.h"

namespace fs = std::filesystem;

namespace diffuse {

namespace {

constexpr size_t kMostGrids = 24, kMostPictures = 12;

// The bytes of a PNG drawn by the run; other files are refused.
std::string read_grid(const fs::path& path) {
  if (fs::is_symlink(path)) throw Error(path.string(), ": expected a PNG picture, got a link");
  const InputFile file(path);
  std::string bytes = file.read(0, file.size());
  if (!bytes.starts_with("\x89PNG\r\n\x1a\n"))
    throw Error(path.string(), ": expected a PNG picture, got something else");
  return bytes;
}

std::string class_name(const ModelConfig& model, int64_t label) {
  const auto i = static_cast<size_t>(label);
  return i < model.class_names.size() ? model.class_names[i] : concat(label);
}

// Labels above the images: a grid's sample i has class i modulo the number of classes.
std::string class_labels(const Config& config) {
  const ModelConfig& model = config.model;
  if (model.classes == 0 || !is_image(model.sample_kind)) return "";
  const int64_t count = config.sample.grid;
  const auto columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  const int64_t rows = (count + columns - 1) / columns;
  std::string html = concat("<div class=\"labels\" style=\"grid-template:repeat(", rows,
                            ",1fr)/repeat(", columns, ",1fr)\">");
  for (int64_t i = 0; i < count; ++i) {
    const std::string name = html_escaped(class_name(model, i % model.classes));
    html += concat("<span title=\"", name, "\">", name, "</span>");
  }
  return html + "</div>";
}

std::string figure(const std::string& picture, const std::string& caption) {
  return concat("<figure><div class=\"picture\">", picture, "</div><figcaption>",
                html_escaped(caption), "</figcaption></figure>\n");
}

// The newest grid, then evenly spread older ones, which the script turns into one picture with a slider.
std::string grids(const RunMetrics& run) {
  const auto pictures = run.pictures();
  const size_t count = std::min(kMostGrids, pictures.size());
  const std::string labels = class_labels(run.config);
  std::string html;
  for (size_t i = count; i > 0; --i) {
    const auto& [step, path] = pictures[i * pictures.size() / count - 1];
    const std::string caption = concat("step ", step);
    html += figure(html_image(read_grid(path), "samples at " + caption) + labels, caption);
    if (i == count && count > 1)
      html += concat("<details><summary>", count - 1, " earlier",
                     count < pictures.size() ? concat(" of ", pictures.size() - 1) : "",
                     "</summary>\n");
  }
  return html.empty() ? ""
                      : concat("<div class=\"slides\">\n", html, count > 1 ? "</details>\n" : "",
                               "</div>\n");
}

// "samples.png, 64 samples, ddim, 50 steps, seed 0".
std::string caption_of(const fs::path& file, const SamplePicture& picture) {
  const auto json = nlohmann::json::parse(picture.parameters, nullptr, /*allow_exceptions=*/false);
  std::vector<std::string> parts{file.filename().string()};
  const auto add = [&](const char* before, const char* key, const char* after) {
    if (!json.is_object() || !json.contains(key) || !json[key].is_primitive()) return;
    const std::string value = json[key].is_string()         ? json[key].get<std::string>()
                              : json[key].is_number_float() ? concat(json[key].get<double>())
                                                            : json[key].dump();
    parts.push_back(concat(before, value, after));
  };
  add("", "n", " samples");
  add("", "sampler", "");
  add("", "steps", " steps");
  add("class ", "class", "");
  add("guidance ", "guidance", "");
  add("seeds ", "seeds", "");
  add("model of step ", "step", "");
  if (picture.shown < picture.files)
    parts.push_back(concat(picture.shown, " of ", picture.files, " pictures"));
  return join(parts);
}

// The pictures, and folders of pictures, that `diffuse sample` wrote into the run's folder, newest first.
std::string other_pictures(const RunMetrics& run) {
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  std::error_code none;
  const fs::path drawn_in_training = run.folder / "samples";
  for (const fs::path& folder : {run.folder, drawn_in_training})
    for (const auto& entry : fs::directory_iterator(folder, none))
      if (folder == run.folder ? entry.path() != drawn_in_training
                               : !entry.path().filename().string().starts_with("step-"))
        files.emplace_back(entry.last_write_time(none), entry.path());
  std::sort(files.rbegin(), files.rend());
  std::string html;
  size_t count = 0;
  for (const auto& [time, path] : files) {
    if (count == kMostPictures) break;
    const auto picture = sample_picture(path);
    if (!picture) continue;
    ++count;
    const std::string caption = caption_of(path, *picture);
    html += figure(html_image(picture->bytes, caption), caption);
  }
  return html.empty() ? "" : concat("<div class=\"pictures\">\n", html, "</div>\n");
}

}  // namespace

std::string report_samples(const std::vector<RunMetrics>& runs) {
  const std::vector<std::string> labels = run_labels(runs);
  std::string html;
  for (size_t i = 0; i < runs.size(); ++i) {
    std::string pictures = grids(runs[i]);
    const std::string others = other_pictures(runs[i]);
    if (!pictures.empty() && !others.empty()) pictures += "<h3>Drawn later</h3>\n";
    pictures += others;
    if (pictures.empty())
      pictures =
          "<p>No pictures in the run's folder yet: train.sample_every draws grids while training, "
          "and diffuse sample -o puts one here.</p>\n";
    html +=
        concat("<div>\n", runs.size() > 1 ? concat("<h3>", html_escaped(labels[i]), "</h3>\n") : "",
               pictures, "</div>\n");
  }
  return runs.size() > 1 ? concat("<div class=\"runs\">\n", html, "</div>\n") : html;
}

}  // namespace diffuse
