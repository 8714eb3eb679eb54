// One rule for the whole numbers of all options.
#pragma once

#include <CLI/App.hpp>

namespace diffuse::cli {

// The options of `app` and its subcommands that hold integers take what parse_integer() and
// parse_unsigned() do. CLI11 by itself takes 010 for eight and what 64 bits do not hold for the largest.
void unify_whole_numbers(CLI::App& app);

}  // namespace diffuse::cli
