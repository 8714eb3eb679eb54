// run.json: what a run was made by and on, for those who look at it later.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace diffuse {

// Of the process that trained last; "" and 0 if unknown.
struct RunFacts {
  std::string program, libtorch;       // "diffuse 0.1.0", "2.11.0"
  std::string command;                 // as a shell takes it
  std::string device, precision;       // "cpu", "fp32"
  int64_t processes = 0, threads = 0;  // threads of one process
  int64_t parameters = 0;              // of the network
};

void write_run_facts(const std::filesystem::path& run_folder, const RunFacts& facts);

// Nothing is known of a run without the file, or with a damaged one.
RunFacts read_run_facts(const std::filesystem::path& run_folder);

// A word as a shell takes it: 'a b' in quotes.
std::string shell_word(const std::string& word);

}  // namespace diffuse
