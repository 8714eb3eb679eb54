// diffuse bench: what a model costs and how good its few steps are.
#include "bench.h"
#include "commands.h"

namespace diffuse::cli {

Command add_bench(CLI::App& app) {
  CLI::App* command = app.add_subcommand("bench", "Measure samplers");
  command->require_subcommand(1);
  return add_bench_samplers(*command);
}

}  // namespace diffuse::cli
