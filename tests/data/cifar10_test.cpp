#include <gtest/gtest.h>

#include "tests/data/data_files.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

// One record: planes of `red`, `green` and `blue`.
Bytes record(uint8_t label, uint8_t red, uint8_t green, uint8_t blue) {
  Bytes bytes{label};
  for (const uint8_t value : {red, green, blue}) bytes.insert(bytes.end(), 1024, value);
  return bytes;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class Cifar10 : public testing::Test {
 protected:
  std::filesystem::path file(const std::string& name) const { return folder_.path() / name; }
  DataConfig config() const {
    return {.type = DataType::kCifar10, .path = folder_.path().string()};
  }

  const TestFolder folder_;
};

TEST_F(Cifar10, ReadsTheBatchesThatAreThere) {
  write_bytes(file("data_batch_2.bin"), record(3, 10, 20, 30) + record(4, 40, 50, 60));
  write_gz(file("data_batch_5.bin.gz"), record(5, 70, 80, 90));
  write_bytes(file("test_batch.bin"), record(6, 1, 2, 3));
  const auto set = make_dataset(config(), Split::kTrain, 0);
  ASSERT_EQ(set->size(), 3);
  EXPECT_EQ(set->sample_shape(), (std::vector<int64_t>{3, 32, 32}));
  EXPECT_EQ(set->class_names().at(set->label(2)), "dog");
  const std::vector<int> x = pixels(*set, {1});
  EXPECT_EQ(x[0], 40);
  EXPECT_EQ(x[1023], 40);
  EXPECT_EQ(x[1024], 50);
  EXPECT_EQ(x[3071], 60);
  const auto held_out = make_dataset(config(), Split::kHeldOut, 0);
  EXPECT_EQ(held_out->size(), 1);
  EXPECT_EQ(held_out->label(0), 6);
}

TEST_F(Cifar10, ReadsOneFileAndSplitsIt) {
  Bytes bytes;
  for (uint8_t i = 0; i < 10; ++i) bytes = bytes + record(i, i, i, i);
  write_bytes(file("some.bin"), bytes);
  DataConfig one = config();
  one.path = file("some.bin").string();
  one.held_out = 4;
  const auto train = make_dataset(one, Split::kTrain, 0);
  const auto held_out = make_dataset(one, Split::kHeldOut, 0);
  EXPECT_EQ(train->size(), 6);
  EXPECT_EQ(held_out->size(), 4);
  std::vector<int64_t> counts = label_counts(*train);
  for (int64_t i = 0; i < 4; ++i) ++counts[held_out->label(i)];
  EXPECT_EQ(counts, std::vector<int64_t>(10, 1));
  for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(pixels(*train, {i})[0], train->label(i));
}

// Rec. 601: 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2.
TEST_F(Cifar10, BecomesGrey) {
  write_bytes(file("data_batch_1.bin"), record(3, 200, 100, 50));
  write_bytes(file("test_batch.bin"), record(3, 200, 100, 50));
  DataConfig grey = config();
  grey.channels = 1;
  const auto set = make_dataset(grey, Split::kTrain, 0);
  EXPECT_EQ(pixels(*set, {0}), std::vector<int>(1024, 124));
}

TEST_F(Cifar10, ReportsAFolderWithoutBatches) {
  EXPECT_EQ(error_of(config()),
            folder_.path().string() +
                ": no data_batch_1.bin[.gz] to data_batch_5.bin[.gz] here; data.path must be a "
                "folder with CIFAR-10's binary version");
}

TEST_F(Cifar10, SaysHowToGetTheSet) {
  EXPECT_TRUE(contains(error_of({.type = DataType::kCifar10, .path = "/no/such/folder"}),
                       "or run scripts/download_data.sh cifar-10"));
}

TEST_F(Cifar10, ReportsDamagedFiles) {
  const auto path = file("data_batch_1.bin");
  write_bytes(path, record(3, 1, 2, 3) + Bytes{4, 5});
  EXPECT_EQ(
      error_of(config()),
      path.string() + ": contains 3075 bytes, expected a multiple of 3073 (one CIFAR-10 record)");
  write_bytes(path, record(3, 1, 2, 3) + record(10, 1, 2, 3));
  EXPECT_EQ(error_of(config()), path.string() + ": label 10 of record 1, expected 0 to 9");
  write_bytes(path, {});
  EXPECT_EQ(error_of(config()), path.string() + ": is empty, expected CIFAR-10 records");
  std::filesystem::remove(path);
  write_gz(file("data_batch_1.bin.gz"), record(3, 1, 2, 3));
  cut_file(file("data_batch_1.bin.gz"), 4);
  EXPECT_TRUE(contains(error_of(config()), "data_batch_1.bin.gz: cannot be read: "));
}

TEST_F(Cifar10, RefusesMoreThanTheMemoryLimit) {
  Bytes bytes;
  for (int i = 0; i < 400; ++i) bytes = bytes + record(0, 0, 0, 0);
  write_bytes(file("data_batch_1.bin"), bytes);
  DataConfig small = config();
  small.memory_limit_mb = 1;
  EXPECT_TRUE(contains(error_of(small), "2 MB of pixels, more than data.memory_limit_mb = 1"));
}

// Read with Python's gzip and NumPy from the official first batch.
TEST(RealCifar10, IsReadWhole) {
  const std::string path = real_data("cifar-10-batches-bin");
  if (path.empty()) GTEST_SKIP() << "no cifar-10-batches-bin folder in DIFFUSE_DATA";
  const auto set =
      make_dataset({.type = DataType::kCifar10, .path = path, .count = 10'000}, Split::kTrain, 0);
  EXPECT_EQ(label_counts(*set),
            (std::vector<int64_t>{1005, 974, 1032, 1016, 999, 937, 1030, 1001, 1025, 981}));
  EXPECT_EQ(set->class_names().at(set->label(0)), "frog");
  EXPECT_EQ(set->class_names().at(set->label(1)), "truck");
  const std::vector<int> first = pixels(*set, {0});
  EXPECT_EQ((std::vector<int>{first[0], first[1024], first[2048]}), (std::vector<int>{59, 62, 63}));
  const std::vector<int> last = pixels(*set, {9999});
  EXPECT_EQ((std::vector<int>{last[1023], last[2047], last[3071]}),
            (std::vector<int>{167, 198, 131}));
  EXPECT_NEAR(moments(all_values(*set)).mean, -0.050658553410947715, 1e-6);

  const auto test = make_dataset({.type = DataType::kCifar10, .path = path}, Split::kHeldOut, 0);
  EXPECT_EQ(test->class_names().at(test->label(0)), "cat");
  EXPECT_EQ(pixels(*test, {0})[0], 158);
}

}  // namespace
}  // namespace diffuse
