// Small hand-made data files, the real ones, and what a data set makes of them.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "diffuse/data/dataset.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"
#include "tests/write_gz.h"

namespace diffuse {

using Bytes = std::vector<uint8_t>;

inline std::string_view as_text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline void write_bytes(const std::filesystem::path& path, const Bytes& bytes) {
  write_file(path, as_text(bytes));
}

inline void write_gz(const std::filesystem::path& path, const Bytes& bytes) {
  write_gz(path, as_text(bytes));
}

inline void cut_file(const std::filesystem::path& path, int64_t bytes_off) {
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - bytes_off);
}

// A folder of the real images, or "" where there is none.
inline std::string real_data(const std::string& name) {
  const char* root = std::getenv("DIFFUSE_DATA");
  const std::string path = std::string(root != nullptr ? root : "../shared/data") + "/" + name;
  return std::filesystem::is_directory(path) ? path : "";
}

// The message make_dataset refuses `config` with.
inline std::string error_of(const DataConfig& config, Split split = Split::kTrain) {
  return message_of([&] { make_dataset(config, split, 0); });
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline std::vector<float> values(const Dataset& set, const std::vector<int64_t>& items) {
  const at::Tensor x = set.gather(items);
  return {x.const_data_ptr<float>(), x.const_data_ptr<float>() + x.numel()};
}

inline std::vector<float> all_values(const Dataset& set) {
  std::vector<int64_t> items(set.size());
  std::iota(items.begin(), items.end(), 0);
  return values(set, items);
}

// Values in [-1, 1] back as 0 .. 255.
inline std::vector<int> pixels(const Dataset& set, const std::vector<int64_t>& items) {
  std::vector<int> result;
  for (const float value : values(set, items))
    result.push_back(static_cast<int>(std::lround((value + 1) * 127.5)));
  return result;
}

inline std::vector<int64_t> label_counts(const Dataset& set) {
  std::vector<int64_t> counts(set.class_names().size());
  for (int64_t i = 0; i < set.size(); ++i) ++counts.at(set.label(i));
  return counts;
}

struct Moments {
  double mean = 0;
  double deviation = 0;
};

inline Moments moments(const std::vector<float>& x) {
  double sum = 0;
  double squares = 0;
  for (const double value : x) {
    sum += value;
    squares += value * value;
  }
  const double mean = sum / static_cast<double>(x.size());
  return {mean, std::sqrt(squares / static_cast<double>(x.size()) - mean * mean)};
}

}  // namespace diffuse
