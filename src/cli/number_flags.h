// One rule for the numbers of all options.
#pragma once

#include <CLI/App.hpp>

namespace diffuse::cli {

// Makes the numeric options of `app` and its subcommands accept what parse_integer(), parse_unsigned() and
// parse_real() accept. CLI11 itself reads 010 as eight, clamps numbers beyond 64 bits, and treats an empty
// text as if the flag were not given.
void unify_numbers(CLI::App& app);

}  // namespace diffuse::cli
