// The readers of files from outside, each as one function of a file's bytes: what the fuzzer calls,
// and what corpus_test.cpp calls with the inputs kept in corpus/.
#pragma once

#include <filesystem>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace diffuse {

struct FuzzReader {
  std::string name;                            // of its folder in corpus/
  std::string file;                            // what the bytes are called on disk
  void (*mend)(std::string& bytes) = nullptr;  // makes checksums hold, which mutations break
  void (*read)(const std::filesystem::path& file) = nullptr;
};

inline void PrintTo(const FuzzReader& reader, std::ostream* out) { *out << reader.name; }

const std::vector<FuzzReader>& fuzz_readers();

// Writes the bytes to a file in `folder` and reads it. False where it is refused with an Error, which is
// as right as reading it; any other exception is passed on.
bool feed(const FuzzReader& reader, std::string_view bytes, const std::filesystem::path& folder);

}  // namespace diffuse
