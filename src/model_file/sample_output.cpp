#include "src/model_file/sample_output.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "diffuse/core/error.h"
#include "diffuse/core/version.h"
#include "src/arrays/array_file.h"
#include "src/core/log.h"
#include "src/data/normalization.h"
#include "src/files/atomic_write.h"
#include "src/files/file.h"
#include "src/model_file/sample_picture.h"
#include "src/pictures/animation.h"
#include "src/pictures/picture.h"
#include "src/pictures/picture_table.h"

namespace fs = std::filesystem;
using nlohmann::json;

namespace diffuse {

static OutputKind kind_by_name(const fs::path& path) {
  const std::string extension = ending_of(path);
  if (extension == ".png") return OutputKind::kGrid;
  if (is_animation(path)) return OutputKind::kAnimation;
  if (extension == ".npz") return OutputKind::kNpz;
  if (extension == ".npy") return OutputKind::kNpy;
  if (extension.empty()) return OutputKind::kFolder;
  throw Error("-o ", path.string(), ": expected a name ending in .png, ", join(animation_endings()),
              ", .npz or .npy, or a folder without an extension");
}

void say_how_shown(const OutputOptions& output) {
  const OutputKind kind = kind_by_name(output.path);
  if (!is_image(output.kind) || kind == OutputKind::kNpy) return;
  const std::string name = "-o " + output.path.string();
  const int64_t channels = output.shape[0];
  if (!is_pictured(channels) && kind == OutputKind::kFolder)
    log_info(concat(name, ": ", channels, " channels are not a picture: one .npy per sample"));
  else if (!is_pictured(channels) && kind != OutputKind::kNpz)
    log_info(concat(name, ": the ", channels, " channels of a sample are shown side by side"));
  if (const auto [low, high] = picture_range(output.data); low != -1 || high != 1)
    log_info(concat(name, ": black is ", low, ", white ", high, "; a .npy has the numbers"));
}

OutputKind output_kind(const fs::path& path, bool is_image) {
  const OutputKind kind = kind_by_name(path);
  if (!is_image && (kind == OutputKind::kNpz || kind == OutputKind::kFolder))
    throw Error("-o ", path.string(),
                ": this model makes points or signals, not images; expected .npy, ", ".png or ",
                join(animation_endings(), " or "));
  return kind;
}

// A run's parameters, as JSON; discarded if the file has none.
static json read_parameters(const fs::path& file) {
  std::ifstream in(file);
  return json::parse(in, nullptr, /*allow_exceptions=*/false);
}

// The stopped run must have had the same parameters; only the count of a folder may differ.
static void check_same(const fs::path& file, const std::string& now) {
  const json before = read_parameters(file), wanted = json::parse(now);
  if (!before.is_object()) throw Error("--resume: ", file.string(), ": not a JSON object");
  for (const auto& [key, value] : wanted.items())
    if (key != "n" && before.value(key, json()) != value)
      throw Error("--resume: ", file.string(), " has ", key, " ", before.value(key, json()).dump(),
                  ", but this run has ", value.dump());
}

static std::string image_name(int64_t i, const char* extension) {
  char name[32];
  std::snprintf(name, sizeof name, "%06lld%s", static_cast<long long>(i), extension);
  return name;
}

// The files in a folder with names like ours.
static std::vector<fs::path> numbered_images(const fs::path& folder) {
  std::vector<fs::path> images;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    int64_t i = -1;
    std::from_chars(name.data(), name.data() + name.size(), i);
    if (i >= 0 && (name == image_name(i, ".png") || name == image_name(i, ".npy")))
      images.push_back(entry.path());
  }
  return images;
}

static fs::path parameters_file(const fs::path& path, OutputKind kind) {
  return kind == OutputKind::kFolder ? path / "parameters.json"
                                     : fs::path(path.string() + ".partial.json");
}

// What an earlier run left under the output's names.
static std::vector<fs::path> older_files(const fs::path& path, OutputKind kind) {
  if (kind != OutputKind::kFolder) return {path.string() + ".partial"};
  if (!fs::exists(path)) return {};
  std::vector<fs::path> older = numbered_images(path);
  if (!older.empty() && !read_parameters(parameters_file(path, kind)).contains("checkpoint"))
    throw Error("-o ", path.string(), ": contains ", older[0].filename().string(),
                " but no parameters.json from an earlier run; name another folder");
  return older;
}

void check_output(const OutputOptions& output) {
  const OutputKind kind = output_kind(output.path, is_image(output.kind));
  if (!output.resume) older_files(output.path, kind);
}

SampleOutput::SampleOutput(OutputOptions options)
    : options_(std::move(options)), kind_(output_kind(options_.path, is_image(options_.kind))) {
  const fs::path& path = options_.path;
  if (options_.resume && !resumable())
    throw Error("--resume: expected a folder, .npz or .npy, got ", path.string());
  if (!resumable()) return;
  const fs::path folder = kind_ == OutputKind::kFolder ? path : fs::absolute(path).parent_path();
  fs::create_directories(folder);
  const bool resumed = begin_or_resume();
  if (kind_ == OutputKind::kFolder) {
    while (resumed && done_ < options_.count && fs::exists(image_file(done_))) ++done_;
    return;
  }
  std::vector<int64_t> shape = options_.shape;
  const bool bytes = kind_ == OutputKind::kNpz;
  if (bytes) shape = {shape[1], shape[2], shape[0]};
  shape.insert(shape.begin(), options_.count);
  array_ = std::make_unique<ArrayStream>(path, bytes ? at::kByte : at::kFloat, shape, resumed);
  done_ = array_->rows();
}

// Whether there is something to resume from; else the parameters are stored for a later run, which must not
// find older samples beside them.
bool SampleOutput::begin_or_resume() const {
  const fs::path file = parameters_file(options_.path, kind_);
  const bool resumed = options_.resume && fs::exists(file);
  if (resumed) check_same(file, options_.parameters);
  if (resumed || options_.parameters.empty()) return resumed;
  std::error_code failure;
  for (const fs::path& older : older_files(options_.path, kind_))
    if (fs::remove(older, failure); failure)
      throw Error("-o ", older.string(), ": cannot remove it: ", failure.message());
  atomic_write(file, options_.parameters + '\n');
  return false;
}

fs::path SampleOutput::image_file(int64_t i) const {
  return options_.path / image_name(i, is_pictured(options_.shape[0]) ? ".png" : ".npy");
}

bool SampleOutput::holds(int64_t first, int64_t count) const {
  for (int64_t i = first; i < first + count; ++i)
    if (!fs::exists(image_file(i))) return false;
  return true;
}

// Warns once if a picture's numbers go far beyond black and white: more than clipping would leave.
void SampleOutput::say_what_is_cut(const at::Tensor& pictures) {
  constexpr double kFar = 2;
  if (cut_ || !is_image(options_.kind) || !(pictures.abs().max().item<double>() > kFar)) return;
  cut_ = true;
  const auto [low, high] = picture_range(options_.data);
  log_warning(concat("-o ", options_.path.string(), ": samples go beyond ", low, " and ", high,
                     ", which pictures show as black and white; a .npy has them unchanged"));
}

static PictureText png_text(const std::string& parameters) {
  PictureText text{{"Software", concat("diffuse ", kVersion)}};
  if (!parameters.empty()) text.emplace_back("parameters", parameters);
  return text;
}

void SampleOutput::add(int64_t first, const at::Tensor& x) {
  if (kind_ == OutputKind::kNpy) return array_->append(x);
  const bool arrays = kind_ == OutputKind::kFolder && !is_pictured(options_.shape[0]);
  const at::Tensor pictures = is_image(options_.kind) ? to_picture_range(x, options_.data) : x;
  if (!arrays) say_what_is_cut(pictures);
  if (kind_ == OutputKind::kNpz) return array_->append(to_uint8(pictures).permute({0, 2, 3, 1}));
  if (kind_ != OutputKind::kFolder) return batches_.push_back(x);
  for (int64_t i = 0; i < x.size(0); ++i)
    if (arrays)
      write_npy(image_file(first + i), x[i]);
    else
      write_png(image_file(first + i), to_image(pictures[i]), png_text(options_.parameters));
}

void SampleOutput::add_frame(int64_t frame, const at::Tensor& x) {
  if (static_cast<int64_t>(frames_.size()) <= frame) frames_.resize(frame + 1);
  frames_[frame].push_back(x);
}

// Images x [N, C, H, W]; sample i is in row i modulo the number of captions.
static Image captioned_rows(const at::Tensor& x, std::vector<std::string> captions) {
  const int64_t rows = std::ssize(captions), columns = (x.size(0) + rows - 1) / rows;
  const int64_t side = columns * x.size(3);
  const int64_t zoom = std::clamp<int64_t>((512 + side - 1) / side, 1, 16);
  captions.resize(std::min(rows, x.size(0)));
  std::vector<std::vector<Image>> table(captions.size());
  for (int64_t i = 0; i < x.size(0); ++i) table[i % rows].push_back(to_image(x[i], zoom));
  return draw_table(table, captions, {});
}

void SampleOutput::write_grid() const {
  const at::Tensor samples = at::cat(batches_);
  const auto image_range = [&](const at::Tensor& x) { return to_picture_range(x, options_.data); };
  Image picture;
  if (!options_.framed) {
    picture = to_image(image_range(samples)[0]);
  } else if (!frames_.empty()) {
    std::vector<at::Tensor> columns;
    for (const auto& frame : frames_) columns.push_back(at::cat(frame));
    picture = picture_of_frames(at::stack(columns, 1), options_.kind, options_.data);
  } else if (options_.conditions.defined()) {
    picture = picture_of_rows(options_.conditions, samples, options_.kind, options_.data);
  } else if (!options_.rows.empty() && is_image(options_.kind)) {
    picture = captioned_rows(image_range(samples), options_.rows);
  } else {
    picture = picture_of(samples, options_.kind, options_.data);
  }
  write_png(options_.path, picture, png_text(options_.parameters));
}

void SampleOutput::write_animation() const {
  std::vector<Image> pictures;
  for (const auto& frame : frames_)
    pictures.push_back(picture_of(at::cat(frame), options_.kind, options_.data));
  diffuse::write_animation(options_.path, pictures, /*delay_ms=*/60, /*last_delay_ms=*/2000,
                           png_text(options_.parameters));
}

void SampleOutput::finish() {
  if (kind_ == OutputKind::kGrid) write_grid();
  if (kind_ == OutputKind::kAnimation) write_animation();
  if (!array_) return;
  array_->finish();
  fs::remove(parameters_file(options_.path, kind_));
}

}  // namespace diffuse
