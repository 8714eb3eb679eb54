#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "diffuse/core/error.h"
#include "image_codecs.h"

namespace diffuse {

static int webp_orientation(const WebPDemuxer* file) {
  constexpr std::string_view kExif("Exif\0\0", 6);  // some programs add this prefix, as in a JPEG
  WebPChunkIterator chunk{};
  int orientation = 1;
  if (WebPDemuxGetChunk(file, "EXIF", 1, &chunk) != 0) {
    std::string_view exif(reinterpret_cast<const char*>(chunk.chunk.bytes), chunk.chunk.size);
    if (exif.starts_with(kExif)) exif.remove_prefix(kExif.size());
    orientation = exif_orientation(exif);
  }
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

bool is_lossy_webp(std::string_view bytes) {
  constexpr int kLossy = 1;
  WebPBitstreamFeatures features{};
  const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
  return WebPGetFeatures(data, bytes.size(), &features) == VP8_STATUS_OK &&
         features.format == kLossy;
}

// The first canvas of an animation; a still picture is an animation of one frame.
Image decode_webp(std::string_view bytes) {
  const WebPData data{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  WebPBitstreamFeatures features{};
  if (WebPGetFeatures(data.bytes, data.size, &features) != VP8_STATUS_OK)
    throw Error("corrupt WebP: no header");
  check_packed_size(features.height, features.width, bytes.size());
  WebPAnimDecoderOptions options{};
  WebPAnimDecoderOptionsInit(&options);
  const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(
      WebPAnimDecoderNew(&data, &options), WebPAnimDecoderDelete);
  WebPAnimInfo info{};
  uint8_t* rgba = nullptr;
  int time = 0;
  if (!decoder || WebPAnimDecoderGetInfo(decoder.get(), &info) == 0 ||
      WebPAnimDecoderGetNext(decoder.get(), &rgba, &time) == 0)
    throw Error("corrupt WebP: truncated or damaged");
  return upright(rgba_on_white(info.canvas_height, info.canvas_width, rgba),
                 webp_orientation(WebPAnimDecoderGetDemuxer(decoder.get())));
}

}  // namespace diffuse
