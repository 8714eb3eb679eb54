#include "tests/fuzz/readers.h"

#include <ATen/ATen.h>
#include <zlib.h>

#include <cstdio>
#include <numeric>

#include "diffuse/arrays/checkpoint_file.h"
#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "diffuse/data/dataset.h"
#include "src/arrays/array_file.h"
#include "src/arrays/safetensors.h"
#include "src/files/file_set.h"
#include "src/logs/metrics_log.h"
#include "src/pictures/image_file.h"
#include "tests/test_folder.h"

namespace fs = std::filesystem;

namespace diffuse {
namespace {

// Reads every number, so that a tensor that reaches outside its file shows.
void touch(const at::Tensor& tensor) { tensor.clone(); }

void touch(const Value& value) {
  if (const auto* tensor = std::get_if<at::Tensor>(&value.data)) touch(*tensor);
  if (const auto* list = std::get_if<ValueList>(&value.data))
    for (const Value& item : *list) touch(item);
  if (const auto* dict = std::get_if<ValueDict>(&value.data))
    for (const auto& [key, item] : *dict) touch(item);
}

// Small limits: what is asked for beyond them must be refused before it is allocated.
void load_data(DataType type, const fs::path& path, int64_t image_size = 0) {
  const DataConfig config{
      .type = type, .path = path.string(), .image_size = image_size, .memory_limit_mb = 16};
  const auto data = make_dataset(config, Split::kTrain, 0);
  std::vector<int64_t> items(std::min<int64_t>(data->size(), 4));
  std::iota(items.begin(), items.end(), 0);
  data->gather(items);
}

// The file's text, then overrides, with zeros between them.
void read_config(const fs::path& path) {
  const std::string bytes = contents(path);
  std::vector<std::string> texts{""};
  for (const char c : bytes) {
    if (c == '\0')
      texts.emplace_back();
    else
      texts.back() += c;
  }
  const std::vector<std::string> overrides(texts.begin() + 1, texts.end());
  const Config config = parse_config(texts[0], "config.json", overrides);
  // What is accepted is written and read back as it is.
  const std::string written = config_to_json(config);
  if (config_to_json(parse_config(written, "written")) != written)
    throw std::logic_error("a config that changes on its way through JSON");
}

void read_safetensors_file(const fs::path& path) {
  for (const auto& [name, tensor] : read_safetensors(path).tensors) touch(tensor);
}

void read_checkpoint(const fs::path& path) { touch(read_torch_file(path)); }

// A log takes any bytes: damaged lines are passed over. Here one without a good line counts as refused.
void read_metrics_log(const fs::path& path) {
  const auto rows = read_metrics(path);
  metrics_csv(rows);
  MetricsLog(path, 2).write(3, {{"train/loss", 0.5}});
  if (read_metrics(path).empty()) throw std::logic_error("a log without the line just written");
  if (rows.empty()) throw Error(path.string(), ": no lines");
}

void read_array(const fs::path& path) {
  touch(read_npy(path));
  load_data(DataType::kArray, path);
}

void read_arrays(const fs::path& path) {
  for (const std::string& name : npz_names(path)) touch(read_npz(path, name));
  load_data(DataType::kArray, path);
}

// Two bytes that say how long the images' file is; that file; the labels' file.
void read_mnist(const fs::path& path) {
  const std::string bytes = contents(path);
  if (bytes.size() < 2) return;
  const size_t size =
      static_cast<unsigned char>(bytes[0]) << 8 | static_cast<unsigned char>(bytes[1]);
  const std::string rest = bytes.substr(2);
  write_file(path.parent_path() / "train-images-idx3-ubyte", rest.substr(0, size));
  write_file(path.parent_path() / "train-labels-idx1-ubyte",
             rest.substr(std::min(size, rest.size())));
  load_data(DataType::kMnist, path.parent_path());
}

void read_cifar10(const fs::path& path) { load_data(DataType::kCifar10, path); }

void read_picture(const fs::path& path) {
  read_image(path);
  read_image(path, 1);
}

void read_file_set(const fs::path& path) {
  const auto files = open_file_set(path, [](std::string_view) { return true; });
  for (size_t i = 0; i < files->names().size(); ++i) files->read(i);
  load_data(DataType::kImageFolder, path, 8);
}

// PNG: each chunk is its length, a kind and data, and the CRC-32 of both.
void mend_png(std::string& bytes) {
  const auto number = [&](size_t at) {
    uint64_t value = 0;
    for (size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
  };
  for (size_t at = 8; at + 12 <= bytes.size();) {
    const uint64_t length = number(at);
    if (length > bytes.size() - at - 12) return;
    const uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(&bytes[at + 4]), length + 4);
    for (size_t i = 0; i < 4; ++i)
      bytes[at + 8 + length + i] = static_cast<char>(crc >> (24 - 8 * i));
    at += 12 + length;
  }
}

// tar: the sum of a header's bytes, its own field counted as spaces.
void mend_tar(std::string& bytes) {
  constexpr size_t kBlock = 512, kField = 148;
  for (size_t at = 0; at + kBlock <= bytes.size(); at += kBlock) {
    if (bytes.compare(at + 257, 5, "ustar") != 0) continue;
    bytes.replace(at + kField, 8, 8, ' ');
    unsigned sum = 0;
    for (size_t i = at; i < at + kBlock; ++i) sum += static_cast<unsigned char>(bytes[i]);
    char text[8];
    std::snprintf(text, sizeof text, "%06o", sum);
    bytes.replace(at + kField, 7, text, 7);
  }
}

}  // namespace

// Those of formats that this build reads: libraries may be missing.
static std::vector<FuzzReader> picture_readers() {
  std::vector<FuzzReader> readers{
      {"jpeg", "picture.jpg", nullptr, read_picture},
      {"png", "picture.png", mend_png, read_picture},
      {"bmp", "picture.bmp", nullptr, read_picture},
  };
  const std::string formats = readable_formats();
  if (formats.find("WebP") != std::string::npos)
    readers.push_back({"webp", "picture.webp", nullptr, read_picture});
  if (formats.find("TIFF") != std::string::npos)
    readers.push_back({"tiff", "picture.tiff", nullptr, read_picture});
  if (formats.find("GIF") != std::string::npos)
    readers.push_back({"gif", "picture.gif", nullptr, read_picture});
  return readers;
}

const std::vector<FuzzReader>& fuzz_readers() {
  static const std::vector<FuzzReader> readers = [] {
    std::vector<FuzzReader> all{
        {"config", "config.bin", nullptr, read_config},
        {"safetensors", "model.safetensors", nullptr, read_safetensors_file},
        {"checkpoint", "model.pt", nullptr, read_checkpoint},
        {"metrics", "metrics.jsonl", nullptr, read_metrics_log},
        {"npy", "array.npy", nullptr, read_array},
        {"npz", "arrays.npz", nullptr, read_arrays},
        {"mnist", "mnist.bin", nullptr, read_mnist},
        {"cifar10", "data_batch_1.bin", nullptr, read_cifar10},
        {"zip", "pictures.zip", nullptr, read_file_set},
        {"tar", "pictures.tar", mend_tar, read_file_set},
        {"tar_gz", "pictures.tar.gz", nullptr, read_file_set},
    };
    const std::vector<FuzzReader> pictures = picture_readers();
    all.insert(all.end(), pictures.begin(), pictures.end());
    return all;
  }();
  return readers;
}

bool feed(const FuzzReader& reader, std::string_view bytes, const fs::path& folder) {
  std::string mended(bytes);
  if (reader.mend != nullptr) reader.mend(mended);
  write_file(folder / reader.file, mended);
  try {
    reader.read(folder / reader.file);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace diffuse
