#include <gtest/gtest.h>

#include <set>

#include "src/data/image_survey.h"
#include "src/files/zip_file.h"
#include "src/pictures/image_file.h"
#include "tests/data/data_files.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

Image grey(int64_t height, int64_t width, const Bytes& pixels) {
  return {height, width, 1, pixels};
}

class ImageFolder : public testing::Test {
 protected:
  // A file of one grey pixel, value `value`.
  void add(const std::string& name, uint8_t value) const {
    const auto path = folder_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    write_png(path, grey(1, 1, {value}));
  }
  // A grey set of `side` x `side` pixels with one item held out.
  DataConfig config(int64_t side = 1) const {
    DataConfig config{.type = DataType::kImageFolder, .path = folder_.path().string()};
    config.image_size = side;
    config.channels = 1;
    config.held_out = 1;
    return config;
  }
  // The pixels of `image` brought to `side`, from either of two equal files.
  std::vector<int> resized(const Image& image, int64_t side) const {
    write_png(folder_.path() / "a.png", image);
    write_png(folder_.path() / "b.png", image);
    return pixels(*make_dataset(config(side), Split::kTrain, 0), {0});
  }

  const TestFolder folder_;
};

TEST_F(ImageFolder, TakesSubfoldersForClasses) {
  add("zebra/1.png", 1);
  add("ant/2.PNG", 2);
  add("ant/deep/3.png", 3);
  add("ant/.hidden.png", 4);
  write_bytes(folder_.path() / "notes.txt", {1});
  const auto train = make_dataset(config(), Split::kTrain, 0);
  const auto held_out = make_dataset(config(), Split::kHeldOut, 0);
  EXPECT_EQ(train->class_names(), (std::vector<std::string>{"ant", "zebra"}));
  EXPECT_EQ(train->size(), 2);
  ASSERT_EQ(held_out->size(), 1);
  std::set<std::pair<int, int64_t>> found{{pixels(*held_out, {0})[0], held_out->label(0)}};
  for (const int64_t i : {0, 1}) found.insert({pixels(*train, {i})[0], train->label(i)});
  EXPECT_EQ(found, (std::set<std::pair<int, int64_t>>{{1, 1}, {2, 0}, {3, 0}}));
}

TEST_F(ImageFolder, HasNoClassesWhereImagesLieLoose) {
  add("zebra/1.png", 1);
  add("ant/2.png", 2);
  add("3.png", 3);
  const auto set = make_dataset(config(), Split::kTrain, 0);
  EXPECT_TRUE(set->class_names().empty());
  EXPECT_EQ(set->label(0), -1);
}

TEST_F(ImageFolder, HasNoClassesInASingleSubfolder) {
  add("all/1.png", 1);
  add("all/2.png", 2);
  EXPECT_TRUE(make_dataset(config(), Split::kTrain, 0)->class_names().empty());
}

TEST_F(ImageFolder, KeepsSomeOfEachClass) {
  for (uint8_t i = 0; i < 9; ++i) add(concat("a/", int{i}, ".png"), i);
  for (uint8_t i = 0; i < 9; ++i) add(concat("b/", int{i}, ".png"), 100 + i);
  DataConfig six = config();
  six.count = 6;
  const auto train = make_dataset(six, Split::kTrain, 0);
  const auto held_out = make_dataset(six, Split::kHeldOut, 0);
  std::multiset<int> found{pixels(*held_out, {0})[0]};
  for (const int value : pixels(*train, {0, 1, 2, 3, 4})) found.insert(value);
  EXPECT_EQ(found, (std::multiset<int>{0, 1, 2, 100, 101, 102}));
}

TEST_F(ImageFolder, ShrinksByTheMeanOfTheCoveredArea) {
  EXPECT_EQ(resized(grey(4, 4, {0, 4, 8, 8, 8, 4, 8, 8, 1, 1, 200, 100, 1, 1, 0, 100}), 2),
            (std::vector<int>{4, 8, 1, 100}));
  // 3 -> 2: each covers one and a half; (0 + 90 / 2) / 1.5 = 30, (90 / 2 + 30) / 1.5 = 50.
  EXPECT_EQ(resized(grey(3, 3, {0, 90, 30, 0, 90, 30, 0, 90, 30}), 2),
            (std::vector<int>{30, 50, 30, 50}));
}

TEST_F(ImageFolder, EnlargesBilinearly) {
  EXPECT_EQ(resized(grey(2, 2, {0, 100, 0, 100}), 4),
            (std::vector<int>{0, 25, 75, 100, 0, 25, 75, 100, 0, 25, 75, 100, 0, 25, 75, 100}));
}

TEST_F(ImageFolder, CropsTheMiddle) {
  EXPECT_EQ(resized(grey(2, 6, {0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15}), 2),
            (std::vector<int>{2, 3, 12, 13}));
  EXPECT_EQ(resized(grey(3, 1, {7, 8, 9}), 1), std::vector<int>{8});
}

TEST_F(ImageFolder, IsInColourUnlessAsked) {
  const Image image{1, 2, 3, {10, 20, 30, 40, 50, 60}};
  for (const char* name : {"a.png", "b.png"}) write_png(folder_.path() / name, image);
  DataConfig colour = config(1);
  colour.channels = 0;
  EXPECT_EQ(pixels(*make_dataset(colour, Split::kTrain, 0), {0}), (std::vector<int>{10, 20, 30}));
}

TEST_F(ImageFolder, DecodesOnTheFlyToTheSameValues) {
  for (uint8_t i = 0; i < 20; ++i) add(concat(int{i}, ".png"), i);
  DataConfig no_memory = config();
  no_memory.memory_limit_mb = 0;
  const auto set = make_dataset(no_memory, Split::kTrain, 0);
  EXPECT_EQ(set->size(), 19);
  EXPECT_EQ(all_values(*set), all_values(*make_dataset(config(), Split::kTrain, 0)));
}

TEST_F(ImageFolder, NamesTheFileItCannotDecode) {
  for (uint8_t i = 0; i < 20; ++i) add(concat(int{i}, ".png"), i);
  const auto path = folder_.path() / "7.jpg";
  write_bytes(path, {0xFF, 0xD8, 0xFF, 0xE0, 0, 1, 2, 3});
  EXPECT_TRUE(contains(error_of(config()), path.string())) << error_of(config());
  DataConfig no_memory = config();
  no_memory.memory_limit_mb = 0;
  const auto set = make_dataset(no_memory, Split::kTrain, 0);
  const std::string message = message_of([&] { all_values(*set); });
  EXPECT_TRUE(contains(message, path.string())) << message;
}

TEST_F(ImageFolder, LeavesOutDamagedFilesWhenAsked) {
  for (uint8_t i = 0; i < 20; ++i) add(concat(int{i}, ".png"), i);
  const auto path = folder_.path() / "7.png";
  write_bytes(path, {0x89, 'P', 'N', 'G'});
  DataConfig skip = config();
  skip.on_error = OnError::kSkip;
  const int64_t train = make_dataset(skip, Split::kTrain, 0)->size();
  EXPECT_EQ(train + make_dataset(skip, Split::kHeldOut, 0)->size(), 19);
  skip.memory_limit_mb = 0;
  EXPECT_EQ(make_dataset(skip, Split::kTrain, 0)->size(), train);

  const ImageSurvey survey = survey_images(config());
  EXPECT_EQ(survey.files, 20);
  EXPECT_EQ(survey.grey, 19);
  ASSERT_EQ(survey.bad.size(), 1U);
  EXPECT_EQ(survey.bad[0], path.string() + ": not a picture; expected " + readable_formats());
}

// Whichever is damaged: items 0 to 19 of value 0 to 19, one of which is held out.
TEST_F(ImageFolder, HoldsOutOneThatCanBeRead) {
  DataConfig skip = config();
  skip.on_error = OnError::kSkip;
  skip.held_out = 0;
  for (uint8_t i = 0; i < 20; ++i) add(concat(100 + int{i}, ".png"), i);
  const int usual = pixels(*make_dataset(skip, Split::kHeldOut, 0), {0})[0];
  for (uint8_t bad = 0; bad < 20; ++bad) {
    const std::string name = concat(100 + int{bad}, ".png");
    write_bytes(folder_.path() / name, {0x89, 'P', 'N', 'G'});
    const auto train = make_dataset(skip, Split::kTrain, 0);
    const auto held_out = make_dataset(skip, Split::kHeldOut, 0);
    ASSERT_EQ(held_out->size(), 1);
    ASSERT_EQ(train->size(), 18);
    const int held = pixels(*held_out, {0})[0];
    EXPECT_EQ(held == usual, bad != usual);
    for (const float value : all_values(*train)) EXPECT_NE(std::lround((value + 1) * 127.5), held);
    add(name, bad);
  }
}

TEST_F(ImageFolder, OfWhichNoneCanBeReadIsRefused) {
  DataConfig skip = config();
  skip.on_error = OnError::kSkip;
  const auto path = folder_.path() / "1.png";
  write_bytes(path, {0x89, 'P', 'N', 'G'});
  write_bytes(folder_.path() / "2.png", {0x89, 'P', 'N', 'G'});
  EXPECT_EQ(error_of(skip), "/data/path: none of 2 files can be read; " + path.string() +
                                ": not a picture; expected " + readable_formats());
}

// Decoded on the fly, of 2 x 3 pictures, one of which is gone when it is asked for.
TEST_F(ImageFolder, AnotherOfItsClassTakesThePlaceOfAVanishedPicture) {
  for (uint8_t i = 1; i < 4; ++i) {
    add(concat("ant/", int{i}, ".png"), i);
    add(concat("bee/", int{i}, ".png"), 10 * i);
  }
  DataConfig skip = config();
  skip.on_error = OnError::kSkip;
  skip.memory_limit_mb = 0;
  const auto set = make_dataset(skip, Split::kTrain, 0);
  ASSERT_EQ(set->size(), 5);
  const std::vector<int> before = pixels(*set, {0, 1, 2, 3, 4});
  const int64_t ant = set->label(0) == 0 ? 0 : 1;
  std::filesystem::remove(folder_.path() / concat("ant/", before[ant], ".png"));
  const std::vector<int> after = pixels(*set, {0, 1, 2, 3, 4});
  EXPECT_NE(after[ant], before[ant]);
  EXPECT_LT(after[ant], 10);
  for (int64_t i = 0; i < 5; ++i) EXPECT_EQ(after[i] == before[i], i != ant);
  EXPECT_EQ(pixels(*set, {0, 1, 2, 3, 4}), after);
  std::filesystem::remove_all(folder_.path() / "ant");
  const std::string message = message_of([&] { all_values(*set); });
  EXPECT_TRUE(contains(message, "No such file or directory; the")) << message;
}

TEST_F(ImageFolder, AVanishedPictureEndsARunThatRefuses) {
  for (uint8_t i = 1; i < 4; ++i) add(concat(int{i}, ".png"), i);
  DataConfig refuse = config();
  refuse.memory_limit_mb = 0;
  const auto set = make_dataset(refuse, Split::kTrain, 0);
  const auto path = folder_.path() / concat(pixels(*set, {1})[0], ".png");
  std::filesystem::remove(path);
  EXPECT_EQ(message_of([&] { all_values(*set); }),
            path.string() +
                ": cannot open: No such file or directory; data.on_error = skip leaves " +
                "such files out");
}

TEST_F(ImageFolder, TakesThePartsOfTheSet) {
  for (uint8_t i = 1; i < 4; ++i) {
    add(concat("train/", int{i}, ".png"), i);
    add(concat("val/", int{i}, ".png"), 10 * i);
  }
  DataConfig two = config();
  two.count = 2;
  EXPECT_EQ(pixels(*make_dataset(config(), Split::kTrain, 0), {0, 1, 2}),
            (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(pixels(*make_dataset(config(), Split::kHeldOut, 0), {0, 1, 2}),
            (std::vector<int>{10, 20, 30}));
  EXPECT_EQ(make_dataset(two, Split::kTrain, 0)->size(), 2);
}

TEST_F(ImageFolder, OfOnePictureHoldsNoneOut) {
  add("0.png", 7);
  DataConfig skip = config();
  skip.held_out = 0;
  skip.on_error = OnError::kSkip;
  EXPECT_EQ(make_dataset(skip, Split::kTrain, 0)->size(), 1);
  EXPECT_EQ(make_dataset(skip, Split::kHeldOut, 0)->size(), 0);
}

TEST_F(ImageFolder, ReadsAnArchiveAsTheFolderInIt) {
  for (uint8_t i = 0; i < 4; ++i) {
    add(concat("set/ant/", int{i}, ".png"), i);
    add(concat("set/bee/", int{i}, ".png"), 100 + i);
  }
  const auto zip_path = folder_.path() / "set.zip";
  ZipWriter zip(zip_path);
  for (const char* const kind : {"ant", "bee"})
    for (int i = 0; i < 4; ++i)
      zip.add(concat("set/", kind, "/", i, ".png"),
              {encode_png(grey(1, 1, {static_cast<uint8_t>(i + (kind[0] == 'b' ? 100 : 0))}))});
  zip.close();
  DataConfig archive = config();
  archive.path = zip_path.string();
  const auto from_archive = make_dataset(archive, Split::kTrain, 0);
  const auto from_folder = make_dataset(config(), Split::kTrain, 0);
  EXPECT_EQ(from_archive->class_names(), (std::vector<std::string>{"ant", "bee"}));
  EXPECT_EQ(from_folder->class_names(), from_archive->class_names());
  EXPECT_EQ(pixels(*from_archive, {0, 1, 2, 3, 4, 5, 6}),
            pixels(*from_folder, {0, 1, 2, 3, 4, 5, 6}));
}

TEST_F(ImageFolder, ReportsAPlaceWithoutImages) {
  EXPECT_EQ(error_of(config()), folder_.path().string() + ": contains no supported picture (" +
                                    readable_formats() + ")");
  write_bytes(folder_.path() / "file", {1});
  DataConfig file = config();
  file.path = (folder_.path() / "file").string();
  EXPECT_EQ(error_of(file), file.path + ": expected a folder, a .zip, a .tar or a .tar.gz archive");
  file.path = "";
  EXPECT_EQ(error_of(file),
            "/data/path: image_folder needs one, for example --set data.path=FOLDER");
  add("1.png", 1);
  EXPECT_TRUE(contains(error_of(config()), "data.held_out = 1 leaves none of 1 items"));
}

// The pixels are what Pillow reads from the first file; JPEG decoders differ by a step or two.
TEST(RealImageFolder, IsReadWhole) {
  const std::string path = real_data("flowers64");
  if (path.empty()) GTEST_SKIP() << "no flowers64 folder in DIFFUSE_DATA";
  const DataConfig config{.type = DataType::kImageFolder, .path = path};
  const auto train = make_dataset(config, Split::kTrain, 0);
  const auto held_out = make_dataset(config, Split::kHeldOut, 0);
  EXPECT_EQ(train->size(), 950);
  EXPECT_EQ(held_out->size(), 50);
  EXPECT_EQ(train->sample_shape(), (std::vector<int64_t>{3, 64, 64}));
  EXPECT_EQ(train->class_names(),
            (std::vector<std::string>{"daisy", "dandelion", "rose", "sunflower", "tulip"}));
  std::vector<int64_t> counts = label_counts(*train);
  for (int64_t i = 0; i < 50; ++i) ++counts[held_out->label(i)];
  EXPECT_EQ(counts, std::vector<int64_t>(5, 200));

  const std::vector<int> x = pixels(*train, {0});
  const std::vector<int> expected{144, 143, 141, 75, 76, 0};  // pixels (0, 0) and (32, 32)
  for (int c = 0; c < 3; ++c) {
    EXPECT_NEAR(x[c * 4096], expected[c], 3);
    EXPECT_NEAR(x[c * 4096 + 32 * 64 + 32], expected[3 + c], 3);
  }
}

}  // namespace
}  // namespace diffuse
