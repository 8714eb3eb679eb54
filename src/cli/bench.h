// The parts of `diffuse bench`: each adds its command or flags and returns the function that runs it.
#pragma once

#include "commands.h"

namespace diffuse::cli {

Command add_bench_step(CLI::App& bench);  // its own flags: --config and so on
Command add_bench_samplers(CLI::App& bench);

}  // namespace diffuse::cli
