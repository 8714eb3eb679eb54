// The kinds of measurement that `diffuse bench` makes: each adds itself to that command.
#pragma once

#include "commands.h"

namespace diffuse::cli {

Command add_bench_step(CLI::App& bench);  // its own flags: --config and so on

}  // namespace diffuse::cli
