// Animations as files: GIF of 256 colours, WebP and APNG of all. No LibTorch here.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/pictures/image_file.h"

namespace diffuse {

// What this build writes: ".gif", ".apng" and, with libwebp, ".webp".
const std::vector<std::string>& animation_endings();
bool is_animation(const std::filesystem::path& file);  // by its ending

// Writes frames of one size atomically, in the format that the name ends in. `delay_ms` per frame (GIF
// counts in 10 ms), `last_delay_ms` for the last one; loops for ever. WebP and APNG keep every pixel as
// it is, GIF of grey frames too. `text` goes into an APNG.
void write_animation(const std::filesystem::path& file, const std::vector<Image>& frames,
                     int delay_ms, int last_delay_ms, const PictureText& text = {});

// The bytes of an APNG.
std::string encode_apng(const std::vector<Image>& frames, int delay_ms, int last_delay_ms,
                        const PictureText& text = {});

}  // namespace diffuse
