#include "diffusers_files.h"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "diffuse/core/error.h"
#include "foreign_json.h"
#include "src/core/log.h"
#include "src/files/file.h"
#include "src/model_file/model_files.h"

namespace fs = std::filesystem;

namespace diffuse {

namespace {

// A file of weights in a folder: diffusion_pytorch_model[.VARIANT].safetensors or .bin, or the index of
// several, diffusion_pytorch_model.safetensors.index[.VARIANT].json.
struct WeightsFile {
  fs::path path;
  std::string variant;  // "" for none
  int format;           // lower is preferred
};

}  // namespace

static std::vector<std::string> split_at_dots(const std::string& text) {
  std::vector<std::string> parts{""};
  for (const char c : text) {
    if (c == '.')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

// Parsed from a file's name; empty for other files and for one shard of several.
static std::optional<WeightsFile> weights_file(const fs::path& path) {
  const auto parts = split_at_dots(path.filename().string());
  const size_t count = parts.size();
  if (parts[0] != "diffusion_pytorch_model" || count < 2) return {};
  const bool index = count >= 4 && parts[2] == "index" && parts.back() == "json";
  const std::string& format = index ? parts[1] : parts.back();
  if (format != "safetensors" && format != "bin") return {};
  const auto begin = parts.begin() + (index ? 3 : 1);
  const std::string variant = join({begin, parts.end() - 1}, ".");
  if (variant.find("-of-") != std::string::npos) return {};
  return WeightsFile{path, variant, 2 * (format == "bin" ? 1 : 0) + (index ? 1 : 0)};
}

static std::string kind_of_variant(const std::string& variant) {
  if (variant.find("non_ema") != std::string::npos) return kRawWeights;
  return variant.find("ema") != std::string::npos ? kAveragedWeights : kStoredWeights;
}

std::string kind_of_name(const fs::path& weights) {
  const auto file = weights_file(weights);
  const std::string kind = kind_of_variant(file ? file->variant : "");
  if (kind != kStoredWeights) return kind;
  const fs::path folder = fs::absolute(weights).lexically_normal().parent_path();
  if (folder.filename() == "unet_ema") return kAveragedWeights;
  const bool beside =
      folder.filename() == "unet" && fs::exists(folder.parent_path() / "unet_ema" / "config.json");
  return beside ? kRawWeights : kStoredWeights;
}

// Preference for a variant, lower first: averaged or raw as requested, then no variant.
static int rank_of(const std::string& variant, bool use_ema) {
  const std::string kind = kind_of_variant(variant);
  if (kind != kStoredWeights) return (kind == kAveragedWeights) == use_ema ? 0 : 3;
  return variant.empty() ? 1 : 2;
}

static std::vector<WeightsFile> all_weights(const fs::path& folder) {
  std::vector<WeightsFile> found;
  std::error_code unreadable;  // treated as empty
  for (const auto& entry : fs::directory_iterator(folder, unreadable))
    if (const auto file = weights_file(entry.path())) found.push_back(*file);
  return found;
}

static fs::path find_weights(const fs::path& folder, bool use_ema) {
  const auto found = all_weights(folder);
  if (found.empty()) return {};
  const auto key = [&](const WeightsFile& file) {
    return std::tuple(rank_of(file.variant, use_ema), file.variant, file.format);
  };
  const auto best = std::ranges::min_element(found, {}, key);
  if (!best->variant.empty())
    log_info(concat(folder.string(), ": using the weights of ", best->path.filename().string()));
  return best->path;
}

// The folder with config.json and the weights.
static fs::path model_folder(const fs::path& path, bool use_ema) {
  const auto has = [&](const char* name) { return fs::exists(path / name / "config.json"); };
  const bool averaged = has("unet_ema"), raw = has("unet");
  if (averaged && raw)
    log_info(concat(path.string(), ": using ",
                    use_ema ? "the averaged weights in unet_ema; --no-ema uses those in unet"
                            : "the weights in unet, not the averaged ones in unet_ema"));
  if (averaged && (use_ema || !raw)) return path / "unet_ema";
  return raw ? path / "unet" : path;
}

// Beside the model, in the pipeline's scheduler/, or in that of the checkpoint's run.
static fs::path find_scheduler(const fs::path& folder) {
  std::vector<fs::path> places{folder, folder / "scheduler", folder / ".." / "scheduler"};
  const fs::path parent = fs::weakly_canonical(folder / ".").parent_path();
  if (parent.filename().string().starts_with("checkpoint-"))
    places.push_back(parent.parent_path() / "scheduler");
  for (const fs::path& place : places)
    if (fs::exists(place / "scheduler_config.json"))
      return (place / "scheduler_config.json").lexically_normal();
  return {};
}

// A pipeline of latents has a further part.
static void check_pipeline(const fs::path& index) {
  if (!fs::exists(index)) return;
  const ForeignJson json = ForeignJson::read(index);
  for (const char* const part : {"vae", "vqvae", "movq"})
    if (json.has(part)) json.refuse(part, "none: the UNet here generates images, not latents");
}

bool is_diffusers_model(const fs::path& path) {
  if (!fs::is_directory(path)) {
    const bool named = weights_file(path).has_value();
    return ending_of(path) == ".safetensors" ||
           (named && fs::exists(path.parent_path() / "config.json"));
  }
  if (fs::exists(path / "model.pt")) return false;
  for (const char* const name : {"model_index.json", "scheduler_config.json", "unet", "unet_ema"})
    if (fs::exists(path / name)) return true;
  return !all_weights(path).empty();
}

DiffusersFiles find_diffusers_files(const fs::path& path, bool use_ema) {
  const bool is_folder = fs::is_directory(path);
  if (is_folder) check_pipeline(path / "model_index.json");
  const fs::path folder = is_folder ? model_folder(path, use_ema) : path.parent_path();
  return {.weights = is_folder ? find_weights(folder, use_ema) : path,
          .config = folder / "config.json",
          .scheduler = find_scheduler(folder)};
}

}  // namespace diffuse
