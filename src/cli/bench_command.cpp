// diffuse bench: the time of a step, and the error of samplers with few steps.
#include "bench.h"
#include "commands.h"

namespace diffuse::cli {

Command add_bench(CLI::App& app) {
  CLI::App* command = app.add_subcommand("bench", "Measure steps and samplers");
  command->require_subcommand(0, 1);
  const Command step = add_bench_step(*command), samplers = add_bench_samplers(*command);
  return [=] { return command->get_subcommands().empty() ? step() : samplers(); };
}

}  // namespace diffuse::cli
