// One rule for the numbers of all options.
#pragma once

#include <CLI/App.hpp>

namespace diffuse::cli {

// The options of `app` and its subcommands that hold numbers take what parse_integer(),
// parse_unsigned() and parse_real() do. CLI11 by itself takes 010 for eight, what 64 bits do not hold for
// the largest, and an empty text for a flag that is not given.
void unify_numbers(CLI::App& app);

}  // namespace diffuse::cli
