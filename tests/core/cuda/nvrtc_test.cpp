#include "src/core/cuda/nvrtc.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "diffuse/core/error.h"
#include "src/core/cuda/cubin_cache.h"
#include "src/core/cuda/kernel_texts.h"

namespace diffuse::cuda {
namespace {

// Null without NVRTC, which only a CUDA LibTorch brings.
std::optional<Nvrtc> compiler() {
  try {
    return Nvrtc::open();
  } catch (const Error&) {
    return std::nullopt;
  }
}

// The texts that have kernels.
std::vector<std::string> texts_with_kernels() {
  std::vector<std::string> names;
  for (const KernelText& text : kernel_texts())
    if (std::string_view(text.text).find("\nKERNEL") != std::string_view::npos)
      names.emplace_back(text.name);
  return names;
}

// The assembler's log, unless it reports kernels and none that keeps registers or arrays in memory: then "".
std::string complaint_of(const std::string& log) {
  const std::string good = " 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads";
  int kernels = 0;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("bytes stack frame") == std::string::npos) continue;
    ++kernels;
    if (!line.ends_with(good)) return log;
  }
  return kernels == 0 ? "no kernels: " + log : "";
}

// A text and the type that it is compiled for.
class EveryText : public testing::TestWithParam<std::tuple<std::string, c10::ScalarType>> {};

TEST_P(EveryText, CompilesForTheCardsWithoutSpills) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "NVRTC is not ours to sanitize";
#endif
  const auto nvrtc = compiler();
  if (!nvrtc) GTEST_SKIP() << "no NVRTC beside LibTorch";
  const auto& [text, storage] = GetParam();
  // 80, 86 and 89 share their instructions and registers: float for all of them, the others for one.
  const std::vector<int> cards = storage == c10::kFloat      ? std::vector{80, 86, 89, 90, 100, 120}
                                 : storage == c10::kBFloat16 ? std::vector{80, 90, 100, 120}
                                                             : std::vector{89, 90, 100, 120};
  for (const int capability : cards) {
    const Compiled compiled = nvrtc->compile({text.c_str(), storage}, capability, /*verbose=*/true);
    EXPECT_EQ(complaint_of(compiled.log), "") << "for sm_" << capability;
    EXPECT_EQ(compiled.cubin.substr(1, 3), "ELF");
  }
}

INSTANTIATE_TEST_SUITE_P(Nvrtc, EveryText,
                         testing::Combine(testing::ValuesIn(texts_with_kernels()),
                                          testing::Values(c10::kFloat, c10::kBFloat16, c10::kHalf)),
                         [](const auto& made) {
                           return std::filesystem::path(std::get<0>(made.param)).stem().string() +
                                  "_" + c10::toString(std::get<1>(made.param));
                         });

TEST(Nvrtc, NamesWhatIsMissing) {
  EXPECT_THROW(Nvrtc("/nowhere/libnvrtc.so.13"), Error);
  try {
    Nvrtc("libc.so.6");
    ADD_FAILURE() << "libc is no compiler";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("nvrtcVersion"), std::string::npos) << error.what();
  }
}

TEST(Nvrtc, RefusesACardThatItDoesNotKnow) {
  const auto nvrtc = compiler();
  if (!nvrtc) GTEST_SKIP() << "no NVRTC beside LibTorch";
  EXPECT_THROW(nvrtc->compile({"src/core/cuda/kernels/random.cuh", c10::kFloat}, 13), Error);
}

constexpr KernelModule kSmall{"src/core/cuda/kernels/random.cuh", c10::kFloat};

class Folder {
 public:
  explicit Folder(const std::string& name)
      : path(std::filesystem::path(testing::TempDir()) / ("cubins_" + name)) {
    std::filesystem::remove_all(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  const std::filesystem::path path;
};

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(CubinCache, KeepsWhatItCompiledAndRepairsDamage) {
  const auto nvrtc = compiler();
  if (!nvrtc) GTEST_SKIP() << "no NVRTC beside LibTorch";
  const Folder folder("kept");
  CubinCache cache(folder.path);
  const std::string cubin = cache.get(*nvrtc, kSmall, 90);
  const auto file = cache.file_of(*nvrtc, kSmall, 90);
  const std::string kept = bytes_of(file);
  ASSERT_TRUE(kept.ends_with(cubin));
  EXPECT_EQ(cache.get(*nvrtc, kSmall, 90), cubin);
  for (const std::string& damage :
       {std::string(), std::string("other bytes"), kept.substr(0, kept.size() - 1), kept + "x"}) {
    std::ofstream(file, std::ios::binary) << damage;
    EXPECT_EQ(cache.get(*nvrtc, kSmall, 90), cubin);
    EXPECT_EQ(bytes_of(file), kept);
  }
  const auto files = std::filesystem::directory_iterator(file.parent_path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1) << "no unfinished files stay";
}

TEST(CubinCache, ReadsWhatItFindsInsteadOfCompiling) {
  const auto nvrtc = compiler();
  if (!nvrtc) GTEST_SKIP() << "no NVRTC beside LibTorch";
  const Folder folder("read");
  CubinCache cache(folder.path);
  cache.get(*nvrtc, kSmall, 90);
  const auto stale = cache.file_of(*nvrtc, kSmall, 90);
  const auto other = cache.file_of(*nvrtc, kSmall, 80);
  EXPECT_NE(stale, other);
  std::filesystem::rename(stale, other);
  CubinCache again(folder.path);
  EXPECT_EQ(again.get(*nvrtc, kSmall, 80), bytes_of(other).substr(65));
}

TEST(CubinCache, CompilesWhereNothingCanBeWritten) {
  const auto nvrtc = compiler();
  if (!nvrtc) GTEST_SKIP() << "no NVRTC beside LibTorch";
  CubinCache none{std::filesystem::path()}, refused("/dev/null/folder");
  const std::string cubin = none.get(*nvrtc, kSmall, 90);
  testing::internal::CaptureStderr();
  EXPECT_EQ(refused.get(*nvrtc, kSmall, 90), cubin);
  EXPECT_EQ(refused.get(*nvrtc, kSmall, 90), cubin);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.find("/dev/null/folder"), said.rfind("/dev/null/folder")) << said;
  EXPECT_NE(said.find("/dev/null/folder"), std::string::npos) << said;
}

TEST(CubinCache, FolderIsTheEnvironments) {
  setenv("XDG_CACHE_HOME", "/xdg", 1);
  setenv("DIFFUSE_CACHE_DIR", "/own", 1);
  EXPECT_EQ(cache_folder(), "/own");
  unsetenv("DIFFUSE_CACHE_DIR");
  EXPECT_EQ(cache_folder(), "/xdg/diffuse");
  unsetenv("XDG_CACHE_HOME");
  setenv("HOME", "/home/me", 1);
  EXPECT_EQ(cache_folder(), "/home/me/.cache/diffuse");
}

}  // namespace
}  // namespace diffuse::cuda
