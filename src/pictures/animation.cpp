#include "src/pictures/animation.h"

#include <stdexcept>

#include "diffuse/core/error.h"
#include "image_codecs.h"
#include "image_libraries.h"
#include "png_chunks.h"
#include "src/files/atomic_write.h"
#include "src/files/file.h"

namespace diffuse {

const std::vector<std::string>& animation_endings() {
#if DIFFUSE_WEBP
  static const std::vector<std::string> endings{".gif", ".webp", ".apng"};
#else
  static const std::vector<std::string> endings{".gif", ".apng"};
#endif
  return endings;
}

bool is_animation(const std::filesystem::path& file) {
  return contains(animation_endings(), ending_of(file));
}

static void check_frames(const std::vector<Image>& frames) {
  if (frames.empty()) throw std::logic_error("write_animation: no frames");
  for (const Image& frame : frames)
    if (frame.width != frames[0].width || frame.height != frames[0].height ||
        frame.channels != frames[0].channels || frame.pixels.empty())
      throw std::logic_error("write_animation: frames of unequal or impossible sizes");
}

// Chunk fcTL: a whole frame, shown for `delay_ms` in place of the one before.
static std::string frame_control(uint32_t number, const Image& frame, int delay_ms) {
  return png_chunk("fcTL",
                   png_number(number, 4) + png_number(static_cast<uint32_t>(frame.width), 4) +
                       png_number(static_cast<uint32_t>(frame.height), 4) + png_number(0, 4) +
                       png_number(0, 4) + png_number(static_cast<uint32_t>(delay_ms), 2) +
                       png_number(1000, 2) + png_number(0, 2));
}

// A PNG of the first frame, which programs that know no APNG show, with the others in chunks of their
// own.                                                   [PNG, third edition, sections 4.9 and 11.3.6]
std::string encode_apng(const std::vector<Image>& frames, int delay_ms, int last_delay_ms,
                        const PictureText& text) {
  check_frames(frames);
  std::string bytes(kPngSignature);
  uint32_t number = 0;  // of chunks fcTL and fdAT
  for (size_t i = 0; i < frames.size(); ++i) {
    const bool first = i == 0, last = i + 1 == frames.size();
    const std::string png = encode_png(frames[i], first ? text : PictureText());
    bool has_control = false;
    for (const auto& [kind, data] : png_chunks(png)) {
      const bool pixels = kind == "IDAT";
      if (pixels && first && !has_control)
        bytes += png_chunk("acTL", png_number(static_cast<uint32_t>(frames.size()), 4) +
                                       png_number(0, 4));  // for ever
      if (pixels && !has_control)
        bytes += frame_control(number++, frames[i], last ? last_delay_ms : delay_ms);
      has_control = has_control || pixels;
      if (pixels && !first)
        bytes += png_chunk("fdAT", png_number(number++, 4).append(data));
      else if (kind == "IEND" ? last : first)
        bytes += png_chunk(kind, data);
    }
  }
  return bytes;
}

void write_animation(const std::filesystem::path& file, const std::vector<Image>& frames,
                     int delay_ms, int last_delay_ms, const PictureText& text) {
  const std::string ending = ending_of(file);
  if (ending == ".gif") return write_gif(file, frames, delay_ms, last_delay_ms);
  if (ending == ".apng")
    return atomic_write(file, encode_apng(frames, delay_ms, last_delay_ms, text));
#if DIFFUSE_WEBP
  check_frames(frames);
  atomic_write(file, animated_webp(frames, delay_ms, last_delay_ms));
#else
  throw Error(file.string(), ": this build cannot write WebP; build with libwebp, or use .apng");
#endif
}

}  // namespace diffuse
