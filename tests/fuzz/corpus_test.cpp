#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <fstream>
#include <vector>

#include "tests/fuzz/readers.h"
#include "tests/test_folder.h"

namespace fs = std::filesystem;

// glibc's malloc(), which notes the largest request: libraries may go on where one fails.
static std::atomic<size_t> largest_request = 0;
extern "C" void* __libc_malloc(size_t size);
extern "C" void* malloc(size_t size) {
  if (size > largest_request) largest_request = size;
  return __libc_malloc(size);
}

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
  for (const fs::path& corpus : {kCorpus / GetParam().name, fs::path("tests/fixtures")})
    for (const fs::path& file : files_below(corpus)) {
      EXPECT_NO_THROW(read += feed(GetParam(), contents(file), folder.path()) ? 1 : 0) << file;
      ++seeds;
    }
  EXPECT_GE(read, 1);
  EXPECT_LT(read, seeds);
}

class FuzzBomb : public FuzzCorpus {};

bool is_bomb(const fs::path& file) { return file.filename().string().starts_with("bomb"); }

std::vector<FuzzReader> readers_with_bombs() {
  std::vector<FuzzReader> readers;
  for (const FuzzReader& reader : fuzz_readers())
    if (std::ranges::any_of(files_below(kCorpus / reader.name), is_bomb)) readers.push_back(reader);
  return readers;
}

// Headers that claim 2^60 bytes or 100,000 x 100,000 pixels: an allocation of a thousandth fails.
TEST_P(FuzzBomb, IsRefusedBeforeAllocation) {
  constexpr size_t kEnough = 64U << 20;
  const TestFolder folder;
  for (const fs::path& file : files_below(kCorpus / GetParam().name)) {
    if (!is_bomb(file)) continue;
    const std::string bomb = contents(file);
    rlimit before{};
    getrlimit(RLIMIT_AS, &before);
    uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit little{pages * static_cast<uint64_t>(getpagesize()) + kEnough, before.rlim_max};
    setrlimit(RLIMIT_AS, &little);
    largest_request = 0;
    bool read = true;
    EXPECT_NO_THROW(read = feed(GetParam(), bomb, folder.path())) << file;
    const size_t largest = largest_request;
    setrlimit(RLIMIT_AS, &before);
    EXPECT_FALSE(read) << file;
    EXPECT_GT(largest, 0);
    EXPECT_LT(largest, kEnough) << file;
  }
}

std::string name_of(const testing::TestParamInfo<FuzzReader>& test) { return test.param.name; }

INSTANTIATE_TEST_SUITE_P(Reader, FuzzCorpus, testing::ValuesIn(fuzz_readers()), name_of);
INSTANTIATE_TEST_SUITE_P(Reader, FuzzBomb, testing::ValuesIn(readers_with_bombs()), name_of);

// 3 MB of zeros in 3 kB.
TEST(PngText, IsNotUnpacked) {
  const TestFolder folder;
  const auto png = std::ranges::find(fuzz_readers(), std::string_view("png"), &FuzzReader::name);
  const std::string bytes = contents(kCorpus / "png/text");
  largest_request = 0;
  EXPECT_TRUE(feed(*png, bytes, folder.path()));
  EXPECT_LT(largest_request, 1U << 20);
}

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
