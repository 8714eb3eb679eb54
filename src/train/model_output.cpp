#include "src/train/model_output.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "diffuse/core/error.h"
#include "src/files/file.h"
#include "src/train/outputs.h"

namespace fs = std::filesystem;

namespace diffuse {

// Whether a config.json there may be replaced: those of diffusers name their class.
static bool is_anothers_folder(const fs::path& folder) {
  std::ifstream in(folder / "config.json");
  if (!in) return holds_run(folder);
  const auto json = nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
  return !json.is_object() || !json.contains("_class_name");
}

// The files read if `in` has diffusers' layout: a pipeline's network and schedule, or the folder with the
// weights.
static std::vector<NamedPath> inputs_of(const fs::path& in) {
  std::vector<NamedPath> inputs{{"", in}, {"", in / "unet"}, {"", in / "scheduler"}};
  if (ending_of(in) == ".safetensors") inputs.push_back({"", fs::absolute(in).parent_path()});
  return inputs;
}

// Names that are probably not meant as a folder.
static void check_name(const fs::path& out) {
  const std::string extension = ending_of(out);
  const std::string wanted =
      ": expected a name ending in .pt for a checkpoint, or a folder for diffusers' files";
  for (const char* const file :
       {".safetensors", ".bin", ".ckpt", ".pth", ".json", ".onnx", ".zip", ".h5", ".hdf5", ".tar",
        ".gz", ".npz", ".npy", ".gguf", ".pb", ".tflite", ".msgpack"})
    if (extension == file) throw Error(out.string(), wanted);
  if (extension == ".pt" ? fs::is_directory(out) : fs::is_regular_file(out))
    throw Error(out.string(), wanted, "; this is a ",
                extension == ".pt" ? "folder that ends in .pt" : "file that does not end in .pt");
}

// In a pipeline's folder, its own network would be read instead of the one written beside it.
static void check_is_no_pipeline(const fs::path& out) {
  for (const char* const part : {"model_index.json", "unet", "unet_ema"})
    if (fs::exists(out / part))
      throw Error(out.string(), ": contains a pipeline (", part, "), whose network would be read ",
                  "instead; write to another folder, such as ", free_name(out).string());
}

void check_model_output(const fs::path& in, const fs::path& out) {
  const bool folder = ending_of(out) != ".pt";
  check_name(out);
  check_outputs({{"", out, folder}}, inputs_of(in));
  if (folder && is_anothers_folder(out))
    throw Error(out.string(),
                holds_run(out) ? ": is the folder of a run"
                               : ": contains a config.json that is not from diffusers",
                "; write to another folder, such as ", free_name(out).string());
  if (folder) check_is_no_pipeline(out);
}

}  // namespace diffuse
