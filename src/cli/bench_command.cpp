// diffuse bench: what a model costs.
#include "bench.h"
#include "commands.h"

namespace diffuse::cli {

Command add_bench(CLI::App& app) {
  CLI::App* command = app.add_subcommand("bench", "Measure the steps of training and sampling");
  return add_bench_step(*command);
}

}  // namespace diffuse::cli
