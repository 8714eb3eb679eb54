// What libFuzzer calls: fuzz --reader=NAME CORPUS... feeds one reader with mutations of its inputs.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "src/core/log.h"
#include "tests/fuzz/readers.h"

namespace {
const diffuse::FuzzReader* reader = nullptr;
std::string folder;
}  // namespace

// libFuzzer passes over flags that begin with "--".
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  constexpr std::string_view kFlag = "--reader=";
  for (int i = 1; i < *argc; ++i) {
    const std::string_view argument = (*argv)[i];
    for (const auto& known : diffuse::fuzz_readers())
      if (argument.starts_with(kFlag) && argument.substr(kFlag.size()) == known.name)
        reader = &known;
  }
  if (reader == nullptr) {
    std::fprintf(stderr, "fuzz: expected --reader= and one of:");
    for (const auto& known : diffuse::fuzz_readers())
      std::fprintf(stderr, " %s", known.name.c_str());
    std::fprintf(stderr, "\n");
    std::exit(2);
  }
  folder = "/dev/shm/diffuse-fuzz-" + std::to_string(::getpid());
  ::mkdir(folder.c_str(), 0700);
  std::atexit([] { std::filesystem::remove_all(folder); });
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  diffuse::feed(*reader, {reinterpret_cast<const char*>(data), size}, folder);
  return 0;
}
