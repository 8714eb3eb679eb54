// Sets of pictures as a user meets them: what is told of them, and names in upper case.
#include <gtest/gtest.h>

#include "src/files/zip_file.h"
#include "src/pictures/image_file.h"
#include "tests/cli/run_program.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

std::string png() { return encode_png({8, 8, 1, std::vector<uint8_t>(64)}); }

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Pictures, TrainTellsClassesAndWhatIsLeftOut) {
  const fs::path folder = scratch("picture_set");
  for (const char* const name : {"cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png", ".git/1.png",
                                 "dog/3.heic", "dog/4.txt"}) {
    fs::create_directories((folder / name).parent_path());
    write_file(folder / name, png());
  }
  write_file(folder / "c.json", R"({"data": {"type": "image_folder", "image_size": 8, "path": ")" +
                                    folder.string() +
                                    R"("}, "model": {"channels": 32, "attention_resolutions": []},
                                      "train": {"batch_size": 2}})");
  const Outcome o = run_program({"train", "--config", folder / "c.json", "--dry-run"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_TRUE(says(o.err, "classes 2: cat ")) << o.err;
  EXPECT_TRUE(says(o.err, "left out hidden folders: 1 (.git)")) << o.err;
  EXPECT_TRUE(
      says(o.err, "left out HEIC pictures, not supported; convert to PNG or JPEG: 1 (dog/3.heic)"))
      << o.err;
  const size_t once = o.err.find("files that are not pictures: 2 (c.json, dog/4.txt)");
  ASSERT_NE(once, std::string::npos) << o.err;
  EXPECT_EQ(o.err.find("files that are not pictures", once + 1), std::string::npos) << o.err;
}

TEST(Pictures, TrainWarnsOfAClassThatHasNone) {
  const fs::path folder = scratch("class_without");
  for (const char* const name : {"cat/1.png", "cat/2.png", "cat/3.png", "dog/1.png"}) {
    fs::create_directories((folder / name).parent_path());
    write_file(folder / name, name[0] == 'd' ? "damaged" : png());
  }
  write_file(folder / "c.json",
             R"({"data": {"type": "image_folder", "on_error": "skip", "path": ")" +
                 folder.string() +
                 R"(", "image_size": 8}, "train": {"batch_size": 2},
      "model": {"channels": 32, "attention_resolutions": [], "class_conditional": true}})");
  const Outcome o = run_program({"train", "--config", folder / "c.json", "--dry-run"});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_TRUE(says(o.err, "no item to train on in 1 of 2 classes: dog")) << o.err;
}

TEST(Pictures, EndingsMayBeInUpperCase) {
  const fs::path folder = scratch("upper_case");
  ZipWriter zip(folder / "A.ZIP");
  zip.add("1.PNG", {png()});
  zip.close();
  const Outcome inspected =
      run_program({"data", "inspect", folder / "A.ZIP", "-o", folder / "G.PNG"});
  EXPECT_EQ(inspected.exit_code, 0) << inspected.err;
  EXPECT_TRUE(says(inspected.out, "1 pictures, 0 unreadable")) << inspected.out;
  write_file(folder / "O.JSON", R"({"model": {"type": "gaussian_oracle", "variance": 1},
      "data": {"type": "gaussian", "dimensions": 2, "variance": 1}, "diffusion": {"timesteps": 5}})");
  for (const char* const name : {"S.PNG", "S.NPY", "S.Gif"}) {
    const Outcome o =
        run_program({"sample", "--ckpt", folder / "O.JSON", "-n", "2", "-o", folder / name});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    EXPECT_TRUE(fs::is_regular_file(folder / name));
  }
}

}  // namespace
}  // namespace diffuse::testing_cli
