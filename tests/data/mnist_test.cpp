#include <gtest/gtest.h>

#include "tests/data/data_files.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

// Three images of 2 x 3 pixels with the labels 7, 0, 9; with a test part of one image.
class Mnist : public testing::Test {
 protected:
  void SetUp() override {
    write_bytes(file("train-images-idx3-ubyte"), images_);
    write_bytes(file("train-labels-idx1-ubyte"), labels_);
    write_bytes(file("t10k-images-idx3-ubyte"),
                {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 8, 7, 6, 5, 4});
    write_bytes(file("t10k-labels-idx1-ubyte"), {0, 0, 8, 1, 0, 0, 0, 1, 4});
  }
  std::filesystem::path file(const std::string& name) const { return folder_.path() / name; }
  DataConfig config() const { return {.type = DataType::kMnist, .path = folder_.path().string()}; }

  const TestFolder folder_;
  const Bytes images_{0, 0, 8, 3, 0,   0,  0,  3,  0,  0,  0,  2,  0,  0,  0,  3,  0,
                      1, 2, 3, 4, 255, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 24, 25};
  const Bytes labels_{0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9};
};

TEST_F(Mnist, ReadsImagesAndLabels) {
  const auto set = make_dataset(config(), Split::kTrain, 0);
  EXPECT_EQ(set->size(), 3);
  EXPECT_EQ(set->sample_shape(), (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(pixels(*set, {2, 0}), (std::vector<int>{20, 21, 22, 23, 24, 25, 0, 1, 2, 3, 4, 255}));
  EXPECT_EQ(set->label(0), 7);
  EXPECT_EQ(set->label(2), 9);
  EXPECT_EQ(set->class_names().size(), 10U);
  const std::vector<float> x = values(*set, {0});
  EXPECT_EQ(x[0], -1.0F);
  EXPECT_EQ(x[5], 1.0F);
  EXPECT_FLOAT_EQ(x[4], -0.96862745F);  // 4 / 127.5 - 1
}

TEST_F(Mnist, ReadsTheTestPartAsHeldOut) {
  const auto set = make_dataset(config(), Split::kHeldOut, 0);
  EXPECT_EQ(set->size(), 1);
  EXPECT_EQ(set->label(0), 4);
  EXPECT_EQ(pixels(*set, {0}), (std::vector<int>{9, 8, 7, 6, 5, 4}));
}

TEST_F(Mnist, ReadsGzip) {
  const std::vector<int> plain = pixels(*make_dataset(config(), Split::kTrain, 0), {0, 1, 2});
  std::filesystem::remove(file("train-images-idx3-ubyte"));
  write_gz(file("train-images-idx3-ubyte.gz"), images_);
  EXPECT_EQ(pixels(*make_dataset(config(), Split::kTrain, 0), {0, 1, 2}), plain);
}

TEST_F(Mnist, SplitsTheTrainingPartWhereThereIsNoTestPart) {
  std::filesystem::remove(file("t10k-images-idx3-ubyte"));
  const auto train = make_dataset(config(), Split::kTrain, 0);
  const auto held_out = make_dataset(config(), Split::kHeldOut, 99);
  EXPECT_EQ(train->size(), 2);
  EXPECT_EQ(held_out->size(), 1);
  EXPECT_EQ(train->label(0) + train->label(1) + held_out->label(0), 7 + 0 + 9);
  DataConfig all_held_out = config();
  all_held_out.held_out = 3;
  EXPECT_TRUE(contains(error_of(all_held_out), "data.held_out = 3 leaves none of 3 items"));
}

TEST_F(Mnist, KeepsTheFirstOfMany) {
  DataConfig first = config();
  first.count = 2;
  const auto set = make_dataset(first, Split::kTrain, 0);
  EXPECT_EQ(set->size(), 2);
  EXPECT_EQ(set->label(1), 0);
}

TEST_F(Mnist, PadsToALargerSizeAndRepeatsThePlane) {
  DataConfig large = config();
  large.image_size = 4;
  large.channels = 3;
  const auto set = make_dataset(large, Split::kTrain, 0);
  EXPECT_EQ(set->sample_shape(), (std::vector<int64_t>{3, 4, 4}));
  const std::vector<int> plane{0, 0, 0, 0, 10, 11, 12, 0, 13, 14, 15, 0, 0, 0, 0, 0};
  std::vector<int> three;
  for (int i = 0; i < 3; ++i) three.insert(three.end(), plane.begin(), plane.end());
  EXPECT_EQ(pixels(*set, {1}), three);
}

TEST_F(Mnist, ReportsMissingFiles) {
  std::filesystem::remove(file("train-labels-idx1-ubyte"));
  EXPECT_EQ(error_of(config()), file("train-labels-idx1-ubyte").string() +
                                    "[.gz]: no such file; data.path must be a folder with it");
  DataConfig nowhere = config();
  nowhere.path = "/no/such/folder";
  EXPECT_EQ(error_of(nowhere),
            "/data/path: /no/such/folder does not exist; set it with --set data.path=..., "
            "or set DIFFUSE_DATA to its parent folder, or run scripts/download_data.sh mnist");
}

TEST_F(Mnist, ReportsAWrongMagicNumber) {
  write_bytes(file("train-images-idx3-ubyte"), labels_);
  EXPECT_EQ(
      error_of(config()),
      file("train-images-idx3-ubyte").string() +
          ": magic number 0x00000801, expected 0x00000803 (an IDX file of bytes with 3 sizes)");
}

TEST_F(Mnist, ReportsAFileThatIsTooShortOrTooLong) {
  const auto path = file("train-images-idx3-ubyte");
  cut_file(path, 1);
  EXPECT_EQ(error_of(config()),
            path.string() + ": ends after 17 of the 18 bytes given in its header");
  cut_file(path, 20);
  EXPECT_EQ(error_of(config()),
            path.string() + ": ends after 13 bytes, inside the IDX header of 16");
  write_bytes(path, {});
  EXPECT_TRUE(contains(error_of(config()), ": ends after 0 bytes"));
  Bytes longer = images_;
  longer.push_back(0);
  write_bytes(path, longer);
  EXPECT_EQ(error_of(config()),
            path.string() + ": is longer than the 18 bytes given in its header");
}

TEST_F(Mnist, ReportsDamagedGzip) {
  std::filesystem::remove(file("train-images-idx3-ubyte"));
  const auto path = file("train-images-idx3-ubyte.gz");
  for (const int64_t missing : {1, 8, 12}) {  // the size, the checksum, the data itself
    write_gz(path, images_);
    cut_file(path, missing);
    EXPECT_EQ(error_of(config()),
              path.string() + ": cannot be read: the compressed data stops in the middle")
        << missing << " bytes missing";
  }
  write_gz(path, images_);
  std::fstream(path, std::ios::binary | std::ios::in | std::ios::out)
      .seekp(-8, std::ios::end)
      .put(1);
  EXPECT_TRUE(contains(error_of(config()), "incorrect data check")) << error_of(config());
}

TEST_F(Mnist, ReportsLabelsThatDoNotFit) {
  const auto path = file("train-labels-idx1-ubyte");
  write_bytes(path, {0, 0, 8, 1, 0, 0, 0, 2, 7, 0});
  EXPECT_EQ(error_of(config()),
            path.string() + ": 2 labels for the 3 images of train-images-idx3-ubyte");
  write_bytes(path, {0, 0, 8, 1, 0, 0, 0, 3, 7, 10, 9});
  EXPECT_EQ(error_of(config()), path.string() + ": label 10 of item 1, expected 0 to 9");
}

// A header may promise anything: nothing is allocated for it.
TEST_F(Mnist, RefusesSizesOutOfBounds) {
  const auto path = file("train-images-idx3-ubyte");
  write_bytes(path, {0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 16, 0, 0, 0, 16, 0});
  EXPECT_TRUE(contains(error_of(config()), "more than data.memory_limit_mb")) << error_of(config());
  write_bytes(path, {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 16, 1, 0, 0, 0, 1});
  EXPECT_TRUE(contains(error_of(config()), "says 4097 pixels, expected 1 to 4096 on a side"));
  write_bytes(path, {0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1});
  EXPECT_TRUE(contains(error_of(config()), "says 0 items, expected at least 1"));
}

// Counts per digit and means of the published set (0.1307 and 0.3081 in [0, 1]); the pixels were
// read with Python's gzip and NumPy.
TEST(RealMnist, IsReadWhole) {
  const std::string path = real_data("mnist");
  if (path.empty()) GTEST_SKIP() << "no mnist folder in DIFFUSE_DATA";
  const auto train = make_dataset({.type = DataType::kMnist, .path = path}, Split::kTrain, 0);
  EXPECT_EQ(train->sample_shape(), (std::vector<int64_t>{1, 28, 28}));
  EXPECT_EQ(label_counts(*train),
            (std::vector<int64_t>{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}));
  const auto [mean, deviation] = moments(all_values(*train));
  EXPECT_NEAR(mean, -0.7386790474523144, 1e-6);
  EXPECT_NEAR(deviation, 0.6162156077129254, 1e-6);
  const std::vector<int> first = pixels(*train, {0});
  EXPECT_EQ(std::vector<int>(first.begin() + 5 * 28 + 12, first.begin() + 5 * 28 + 20),
            (std::vector<int>{3, 18, 18, 18, 126, 136, 175, 26}));

  const auto test = make_dataset({.type = DataType::kMnist, .path = path}, Split::kHeldOut, 0);
  EXPECT_EQ(label_counts(*test),
            (std::vector<int64_t>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}));
  EXPECT_NEAR(moments(all_values(*test)).mean, -0.7349707883153261, 1e-6);
}

}  // namespace
}  // namespace diffuse
