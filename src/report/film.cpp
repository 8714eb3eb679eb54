#include "film.h"

#include <ATen/ops/stack.h>

#include <cstdio>
#include <string>

#include "diffuse/core/error.h"
#include "src/arrays/array_file.h"
#include "src/files/file.h"
#include "src/model_file/sample_picture.h"
#include "src/pictures/animation.h"
#include "src/pictures/picture_table.h"

namespace diffuse {

void write_film(const Film& film, const std::filesystem::path& file, int64_t size) {
  if (ending_of(file) == ".npy") {
    write_npy(file, at::stack(film.frames));
    return;
  }
  std::vector<Image> pictures;
  std::vector<std::string> captions;
  for (size_t i = 0; i < film.frames.size(); ++i) {
    pictures.push_back(picture_of(film.frames[i], film.kind, film.data, size));
    captions.push_back(concat("t = ", film.steps[i]));
  }
  if (is_animation(file)) {
    write_animation(file, pictures, /*delay_ms=*/60, /*last_delay_ms=*/2000);
  } else if (ending_of(file) == ".png") {
    write_png(file, draw_row(pictures, captions));
  } else {
    for (size_t i = 0; i < pictures.size(); ++i) {
      char name[32];
      std::snprintf(name, sizeof name, "%06zu.png", i);
      write_png(file / name, pictures[i]);
    }
  }
}

}  // namespace diffuse
