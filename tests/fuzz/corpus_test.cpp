#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <vector>

#include "tests/fuzz/readers.h"
#include "tests/io/test_folder.h"

namespace fs = std::filesystem;

namespace diffuse {
namespace {

const fs::path kCorpus = "tests/fuzz/corpus";

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  return files;
}

class FuzzCorpus : public testing::TestWithParam<FuzzReader> {};

// Seeds, inputs that once brought a reader down, and files of other kinds.
TEST_P(FuzzCorpus, IsReadOrRefused) {
  const TestFolder folder;
  int seeds = 0, read = 0;
  for (const fs::path& corpus : {kCorpus / GetParam().name, fs::path("tests/io/fixtures")})
    for (const fs::path& file : files_below(corpus)) {
      EXPECT_NO_THROW(read += feed(GetParam(), contents(file), folder.path()) ? 1 : 0) << file;
      ++seeds;
    }
  EXPECT_GE(read, 1);
  EXPECT_LT(read, seeds);
}

class FuzzBomb : public FuzzCorpus {};

std::vector<FuzzReader> readers_with_bombs() {
  std::vector<FuzzReader> readers;
  for (const FuzzReader& reader : fuzz_readers())
    if (fs::exists(kCorpus / reader.name / "bomb")) readers.push_back(reader);
  return readers;
}

// A header that claims 2^60 bytes or 100,000 x 100,000 pixels: an allocation of a thousandth fails.
TEST_P(FuzzBomb, IsRefusedBeforeAllocation) {
  const fs::path bomb = kCorpus / GetParam().name / "bomb";
  const TestFolder folder;
  rlimit before{};
  getrlimit(RLIMIT_AS, &before);
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlimit little{pages * static_cast<uint64_t>(getpagesize()) + (64U << 20), before.rlim_max};
  setrlimit(RLIMIT_AS, &little);
  bool read = true;
  EXPECT_NO_THROW(read = feed(GetParam(), contents(bomb), folder.path()));
  setrlimit(RLIMIT_AS, &before);
  EXPECT_FALSE(read);
}

std::string name_of(const testing::TestParamInfo<FuzzReader>& test) { return test.param.name; }

INSTANTIATE_TEST_SUITE_P(Reader, FuzzCorpus, testing::ValuesIn(fuzz_readers()), name_of);
INSTANTIATE_TEST_SUITE_P(Reader, FuzzBomb, testing::ValuesIn(readers_with_bombs()), name_of);

// Names such as ../../up.png and /root.png are names: archives are read, never unpacked.
TEST(Archives, WriteNothingAnywhere) {
  const TestFolder folder;
  const fs::path deep = folder.path() / "a" / "b";
  fs::create_directories(deep);
  for (const FuzzReader& reader : fuzz_readers()) {
    if (reader.name != "zip" && reader.name != "tar") continue;
    EXPECT_TRUE(feed(reader, contents(kCorpus / reader.name / "outside"), deep));
    EXPECT_EQ(files_below(folder.path()), std::vector<fs::path>{deep / reader.file});
    EXPECT_FALSE(fs::exists("/root.png"));
    fs::remove(deep / reader.file);
  }
}

}  // namespace
}  // namespace diffuse
