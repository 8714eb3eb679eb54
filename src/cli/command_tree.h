// The commands and options registered with CLI11, for completions and the man page.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace diffuse::cli {

struct OptionInfo {
  std::vector<std::string> flags;  // "-o", "--out"
  std::string help;
  bool takes_value = false;
  std::vector<std::string> choices;  // allowed values; empty if any
};

struct CommandInfo {
  std::string path;  // "data inspect"; "" for the program
  std::string help, footer;
  std::vector<std::string> positionals;  // "source"
  std::vector<OptionInfo> options;       // with --help
  std::vector<std::string> children;     // names of its subcommands
};

// Parents before their children; the program first.
std::vector<CommandInfo> command_tree(CLI::App& app);

// What to say of the first argument that no option took, after app.parse() threw CLI::ExtrasError.
std::string unknown_argument(const CLI::App& app);

}  // namespace diffuse::cli
