// GIF89a; blocks are named as in its specification. LZW: section "Variable-Length-Code LZW Compression".
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "src/files/atomic_write.h"
#include "src/pictures/image_file.h"

namespace diffuse {

namespace {

using Colour = std::array<double, 3>;

// Colours are counted in 32 x 32 x 32 cells.
size_t cell_of(const uint8_t* rgb) {
  return size_t{rgb[0]} >> 3 << 10 | size_t{rgb[1]} >> 3 << 5 | size_t{rgb[2]} >> 3;
}

struct Cell {
  size_t index = 0;
  double count = 0;
  Colour mean{};
};

std::vector<Cell> count_colours(const std::vector<Image>& frames) {
  std::vector<Cell> cells(1 << 15);
  for (const Image& frame : frames)
    for (size_t i = 0; i < frame.pixels.size(); i += 3) {
      Cell& cell = cells[cell_of(&frame.pixels[i])];
      ++cell.count;
      for (size_t c = 0; c < 3; ++c) cell.mean[c] += frame.pixels[i + c];
    }
  std::vector<Cell> used;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (cells[i].count == 0) continue;
    cells[i].index = i;
    for (double& value : cells[i].mean) value /= cells[i].count;
    used.push_back(cells[i]);
  }
  return used;
}

// A box of cells for the median cut, with the channel along which its colours vary most.
struct Box {
  std::vector<Cell> cells;
  Colour mean{};
  double error = 0;  // summed square distance along `channel`
  size_t channel = 0;

  explicit Box(std::vector<Cell> of) : cells(std::move(of)) {
    double count = 0;
    for (const Cell& cell : cells) {
      count += cell.count;
      for (size_t c = 0; c < 3; ++c) mean[c] += cell.count * cell.mean[c];
    }
    for (double& value : mean) value /= count;
    for (size_t c = 0; c < 3; ++c) {
      double sum = 0;
      for (const Cell& cell : cells) sum += cell.count * std::pow(cell.mean[c] - mean[c], 2);
      if (sum > error) channel = c;
      error = std::max(error, sum);
    }
  }
};

// P. Heckbert's median cut, splitting at the mean of the box with the largest error (X. Wu).
std::vector<Colour> choose_palette(std::vector<Cell> cells) {
  std::vector<Box> boxes = {Box(std::move(cells))};
  while (boxes.size() < 256) {
    const auto worst = std::max_element(
        boxes.begin(), boxes.end(), [](const Box& a, const Box& b) { return a.error < b.error; });
    if (worst->error <= 0) break;
    Box box = std::move(*worst);
    const auto middle = std::partition(box.cells.begin(), box.cells.end(), [&](const Cell& cell) {
      return cell.mean[box.channel] < box.mean[box.channel];
    });
    if (middle == box.cells.begin() || middle == box.cells.end()) {  // equal up to rounding
      box.error = 0;
      *worst = std::move(box);
      continue;
    }
    *worst = Box({box.cells.begin(), middle});
    boxes.push_back(Box({middle, box.cells.end()}));
  }
  std::vector<Colour> palette;
  for (const Box& box : boxes) palette.push_back(box.mean);
  return palette;
}

struct Indexed {
  std::string palette;                       // 256 x RGB
  std::vector<std::vector<uint8_t>> frames;  // palette indices
};

// Grey frames use the 256 greys as palette.
Indexed index_grey(const std::vector<Image>& frames) {
  Indexed result;
  for (int value = 0; value < 256; ++value) result.palette.append(3, static_cast<char>(value));
  for (const Image& frame : frames) {
    auto& indices = result.frames.emplace_back();
    for (size_t i = 0; i < frame.pixels.size(); i += static_cast<size_t>(frame.channels))
      indices.push_back(frame.pixels[i]);
  }
  return result;
}

Indexed index_colour(const std::vector<Image>& frames) {
  const auto cells = count_colours(frames);
  const auto palette = choose_palette(cells);
  Indexed result;
  for (const Colour& colour : palette)
    for (const double value : colour) result.palette += static_cast<char>(std::lround(value));
  result.palette.resize(768);
  std::vector<uint8_t> nearest(1 << 15);
  for (const Cell& cell : cells) {
    double best = std::numeric_limits<double>::max();
    for (size_t i = 0; i < palette.size(); ++i) {
      double distance = 0;
      for (size_t c = 0; c < 3; ++c) distance += std::pow(cell.mean[c] - palette[i][c], 2);
      if (distance < best) nearest[cell.index] = static_cast<uint8_t>(i);
      best = std::min(best, distance);
    }
  }
  for (const Image& frame : frames) {
    auto& indices = result.frames.emplace_back();
    for (size_t i = 0; i < frame.pixels.size(); i += 3)
      indices.push_back(nearest[cell_of(&frame.pixels[i])]);
  }
  return result;
}

bool is_grey(const Image& image) {
  if (image.channels == 1) return true;
  for (size_t i = 0; i < image.pixels.size(); i += 3)
    if (image.pixels[i] != image.pixels[i + 1] || image.pixels[i] != image.pixels[i + 2])
      return false;
  return true;
}

// Packs codes of a varying number of bits, lowest bit first.
class BitWriter {
 public:
  void write(uint32_t code, int bits) {
    pending_ |= code << used_;
    for (used_ += bits; used_ >= 8; used_ -= 8, pending_ >>= 8)
      bytes_ += static_cast<char>(pending_ & 0xff);
  }
  std::string finish() {
    if (used_ > 0) bytes_ += static_cast<char>(pending_);
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
  uint32_t pending_ = 0;
  int used_ = 0;
};

constexpr uint32_t kClear = 256, kEnd = 257, kFirstFree = 258, kMaxCodes = 4096;

std::string lzw(const std::vector<uint8_t>& indices) {
  BitWriter out;
  std::vector<uint16_t> children(size_t{kMaxCodes} * 256);  // code of (prefix, next index), 0: none
  uint32_t next = kFirstFree;
  int bits = 9;
  out.write(kClear, bits);
  uint32_t prefix = indices[0];
  for (size_t i = 1; i < indices.size(); ++i) {
    uint16_t& child = children[prefix * 256 + indices[i]];
    if (child != 0) {
      prefix = child;
      continue;
    }
    out.write(prefix, bits);
    prefix = indices[i];
    if (next < kMaxCodes) {
      // The decoder adds this code one step later, so the width grows after it.
      if (next == 1U << bits) ++bits;
      child = static_cast<uint16_t>(next++);
    } else {
      out.write(kClear, bits);
      std::fill(children.begin(), children.end(), 0);
      next = kFirstFree;
      bits = 9;
    }
  }
  out.write(prefix, bits);
  // The decoder adds one more code after the last prefix.
  if (next == 1U << bits && bits < 12) ++bits;
  out.write(kEnd, bits);
  return out.finish();
}

std::string u16(int64_t value) {
  return {static_cast<char>(value & 0xff), static_cast<char>(value >> 8)};
}

// Graphic control extension, image descriptor and the data in sub-blocks of up to 255 bytes.
std::string frame_block(const std::vector<uint8_t>& indices, const Image& size, int delay_ms) {
  // GIF counts in hundredths of a second; viewers replace delays below two by ten.
  const int64_t delay = std::clamp((delay_ms + 5) / 10, 2, 65535);
  std::string block = "\x21\xf9\x04";
  block += '\x04';  // keep the frame
  block += u16(delay) + std::string(2, '\0');
  block += ',' + u16(0) + u16(0) + u16(size.width) + u16(size.height) + '\0';
  block += '\x08';  // bits per index
  const std::string data = lzw(indices);
  for (size_t i = 0; i < data.size(); i += 255) {
    const std::string part = data.substr(i, 255);
    block += static_cast<char>(part.size());
    block += part;
  }
  return block + '\0';
}

}  // namespace

void write_gif(const std::filesystem::path& path, const std::vector<Image>& frames, int delay_ms,
               int last_delay_ms) {
  if (frames.empty()) throw std::logic_error("write_gif: no frames");
  const Image& first = frames[0];
  for (const Image& frame : frames)
    if (frame.width != first.width || frame.height != first.height ||
        frame.channels != first.channels || first.pixels.empty() || first.width > 65535 ||
        first.height > 65535)
      throw std::logic_error("write_gif: frames of unequal or impossible sizes");
  const bool grey = std::all_of(frames.begin(), frames.end(), is_grey);
  const Indexed indexed = grey ? index_grey(frames) : index_colour(frames);

  std::string bytes = "GIF89a" + u16(first.width) + u16(first.height);
  bytes += '\xf7';  // a global palette of 256 colours of 8 bits
  bytes += std::string(2, '\0') + indexed.palette;
  bytes += "\x21\xff\x0bNETSCAPE2.0\x03\x01" + u16(0) + '\0';  // loop forever
  for (size_t i = 0; i < frames.size(); ++i)
    bytes +=
        frame_block(indexed.frames[i], first, i + 1 == frames.size() ? last_delay_ms : delay_ms);
  bytes += ';';
  atomic_write(path, bytes);
}

}  // namespace diffuse
