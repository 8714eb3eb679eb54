#include "src/logs/tensorboard.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "diffuse/core/error.h"

namespace diffuse {

namespace {

// CRC-32C (Castagnoli), reflected polynomial 0x82f63b78, by table.
uint32_t crc32c(std::string_view bytes) {
  static const auto table = [] {
    std::array<uint32_t, 256> t{};
    for (uint32_t i = 0; i < 256; ++i) {
      t[i] = i;
      for (int bit = 0; bit < 8; ++bit) t[i] = t[i] >> 1 ^ ((t[i] & 1) != 0 ? 0x82f63b78 : 0);
    }
    return t;
  }();
  uint32_t crc = 0xffffffff;
  for (const char c : bytes) crc = crc >> 8 ^ table[(crc ^ static_cast<uint8_t>(c)) & 0xff];
  return ~crc;
}

// TFRecord masks checksums, since a CRC of data that contain CRCs is weak.
uint32_t masked_crc32c(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8; }

std::string little_endian(uint64_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

// Protocol buffers: each field is its tag (number << 3 | wire type), then the value.
std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string integer_field(int number, int64_t value) {
  return varint(static_cast<uint64_t>(number) << 3) + varint(static_cast<uint64_t>(value));
}

std::string double_field(int number, double value) {
  return varint(static_cast<uint64_t>(number) << 3 | 1) +
         little_endian(std::bit_cast<uint64_t>(value), 8);
}

std::string bytes_field(int number, std::string_view bytes) {
  return varint(static_cast<uint64_t>(number) << 3 | 2) + varint(bytes.size()).append(bytes);
}

std::string float_field(int number, float value) {
  return varint(static_cast<uint64_t>(number) << 3 | 5) +
         little_endian(std::bit_cast<uint32_t>(value), 4);
}

double wall_time() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

// Event { wall_time = 1; step = 2; summary = 5 { value = 1 { tag = 1; <content> } } }
std::string summary_event(const std::string& tag, int64_t step, const std::string& content) {
  return double_field(1, wall_time()) + integer_field(2, step) +
         bytes_field(5, bytes_field(1, bytes_field(1, tag) + content));
}

}  // namespace

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& folder) {
  static std::atomic<int> count = 0;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host = {"localhost"};
  path_ = folder / concat("events.out.tfevents.", static_cast<int64_t>(wall_time()), ".",
                          host.data(), ".", ::getpid(), ".", count++);
  std::error_code ignored;  // opening the file gives a better message
  std::filesystem::create_directories(folder, ignored);
  errno = 0;
  file_.open(path_, std::ios::binary);
  if (!file_) throw Error(path_.string(), ": cannot write: ", std::strerror(errno));
  write_event(double_field(1, wall_time()) + bytes_field(3, "brain.Event:2"));  // file_version
  flush();
}

void TensorBoardWriter::scalar(const std::string& tag, int64_t step, double value) {
  write_event(summary_event(tag, step, float_field(2, static_cast<float>(value))));
}

void TensorBoardWriter::image(const std::string& tag, int64_t step, const Image& image) {
  // Image { height = 1; width = 2; colorspace = 3 (its number of channels); encoded = 4 }
  write_event(summary_event(
      tag, step,
      bytes_field(4, integer_field(1, image.height) + integer_field(2, image.width) +
                         integer_field(3, image.channels) + bytes_field(4, encode_png(image)))));
}

void TensorBoardWriter::text(const std::string& tag, int64_t step, const std::string& markdown) {
  constexpr int64_t kString = 7;                                  // DT_STRING
  const std::string shape = bytes_field(2, integer_field(1, 1));  // dim { size: 1 }
  const std::string tensor =
      integer_field(1, kString) + bytes_field(2, shape) + bytes_field(8, markdown);
  const std::string metadata = bytes_field(1, bytes_field(1, "text"));  // plugin_data.plugin_name
  write_event(summary_event(tag + "/text_summary", step,
                            bytes_field(8, tensor) + bytes_field(9, metadata)));
}

static std::string packed_doubles(int number, const std::vector<double>& values) {
  std::string bytes;
  for (const double value : values) bytes += little_endian(std::bit_cast<uint64_t>(value), 8);
  return bytes_field(number, bytes);
}

// HistogramProto { min = 1; max = 2; num = 3; sum = 4; sum_squares = 5; bucket_limit = 6; bucket = 7 }
void TensorBoardWriter::histogram(const std::string& tag, int64_t step,
                                  const std::vector<double>& limits,
                                  const std::vector<double>& heights) {
  double number = 0, sum = 0, squares = 0;
  for (size_t i = 0; i < limits.size(); ++i) {
    const double middle = (limits[i] + (i == 0 ? 0 : limits[i - 1])) / 2;
    number += heights[i];
    sum += heights[i] * middle;
    squares += heights[i] * middle * middle;
  }
  const std::string histogram = double_field(1, 0) + double_field(2, limits.back()) +
                                double_field(3, number) + double_field(4, sum) +
                                double_field(5, squares) + packed_doubles(6, limits) +
                                packed_doubles(7, heights);
  write_event(summary_event(tag, step, bytes_field(5, histogram)));
}

// google.protobuf.Value { number_value = 2; string_value = 3; bool_value = 4 }
static std::string protobuf_value(const nlohmann::json& value) {
  if (value.is_boolean()) return integer_field(4, value.get<bool>() ? 1 : 0);
  if (value.is_number()) return double_field(2, value.get<double>());
  return bytes_field(3, value.is_string() ? value.get<std::string>() : value.dump());
}

// metadata { plugin_data { plugin_name: "hparams", content: HParamsPluginData {
//   session_start_info = 3 { map<string, Value> hparams = 1; start_time_secs = 5 } } } }
void TensorBoardWriter::hyperparameters(const std::string& json) {
  std::string start;
  const auto add = [&](const std::string& name, const nlohmann::json& value) {
    start += bytes_field(1, bytes_field(1, name) + bytes_field(2, protobuf_value(value)));
  };
  const auto root = nlohmann::json::parse(json);
  for (const auto& [key, section] : root.items()) {
    if (!section.is_object())
      add(key, section);
    else
      for (const auto& [name, value] : section.items()) add(key + "." + name, value);
  }
  start += double_field(5, wall_time());
  const std::string plugin = bytes_field(1, "hparams") + bytes_field(2, bytes_field(3, start));
  write_event(
      summary_event("_hparams_/session_start_info", 0, bytes_field(9, bytes_field(1, plugin))));
}

void TensorBoardWriter::flush() {
  if (!file_.flush()) throw Error(path_.string(), ": cannot write: ", std::strerror(errno));
}

// TFRecord: length, its checksum, the bytes, their checksum.
void TensorBoardWriter::write_event(const std::string& event) {
  const std::string length = little_endian(event.size(), 8);
  file_ << length << little_endian(masked_crc32c(length), 4) << event
        << little_endian(masked_crc32c(event), 4);
  if (!file_) throw Error(path_.string(), ": cannot write: ", std::strerror(errno));
}

}  // namespace diffuse
