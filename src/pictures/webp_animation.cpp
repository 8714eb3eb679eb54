#include <webp/encode.h>
#include <webp/mux.h>

#include <memory>
#include <stdexcept>

#include "image_codecs.h"

namespace diffuse {

namespace {

using Encoder = std::unique_ptr<WebPAnimEncoder, decltype(&WebPAnimEncoderDelete)>;

void require(bool good, const Encoder& encoder) {
  if (!good)
    throw std::runtime_error(std::string("cannot encode WebP: ") +
                             (encoder ? WebPAnimEncoderGetError(encoder.get()) : "no encoder"));
}

Encoder make_encoder(const Image& frame) {
  WebPAnimEncoderOptions options{};
  WebPAnimEncoderOptionsInit(&options);  // loops for ever
  return {
      WebPAnimEncoderNew(static_cast<int>(frame.width), static_cast<int>(frame.height), &options),
      WebPAnimEncoderDelete};
}

void add_frame(const Encoder& encoder, const Image& frame, int time_ms, const WebPConfig& config) {
  WebPPicture picture{};
  require(WebPPictureInit(&picture) != 0, encoder);
  const std::unique_ptr<WebPPicture, decltype(&WebPPictureFree)> owner(&picture, WebPPictureFree);
  picture.use_argb = 1;
  picture.width = static_cast<int>(frame.width);
  picture.height = static_cast<int>(frame.height);
  std::vector<uint8_t> rgb;
  if (frame.channels == 1)
    for (const uint8_t value : frame.pixels) rgb.insert(rgb.end(), 3, value);
  const uint8_t* const pixels = frame.channels == 1 ? rgb.data() : frame.pixels.data();
  require(WebPPictureImportRGB(&picture, pixels, 3 * picture.width) != 0 &&
              WebPAnimEncoderAdd(encoder.get(), &picture, time_ms, &config) != 0,
          encoder);
}

}  // namespace

// Lossless. Every frame is added with the time it begins at; the end of the last one follows.
std::string animated_webp(const std::vector<Image>& frames, int delay_ms, int last_delay_ms) {
  constexpr int kEffort = 4;  // of 0 to 9
  WebPConfig config{};
  const Encoder encoder = make_encoder(frames.at(0));
  require(
      encoder && WebPConfigInit(&config) != 0 && WebPConfigLosslessPreset(&config, kEffort) != 0,
      encoder);
  int time_ms = 0;
  for (const Image& frame : frames) {
    add_frame(encoder, frame, time_ms, config);
    time_ms += &frame == &frames.back() ? last_delay_ms : delay_ms;
  }
  WebPData data{};
  require(WebPAnimEncoderAdd(encoder.get(), nullptr, time_ms, nullptr) != 0 &&
              WebPAnimEncoderAssemble(encoder.get(), &data) != 0,
          encoder);
  const std::string bytes(reinterpret_cast<const char*>(data.bytes), data.size);
  WebPDataClear(&data);
  return bytes;
}

}  // namespace diffuse
