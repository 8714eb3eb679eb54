// diffuse launch: several processes of a command on this machine.
#include <filesystem>

#include "commands.h"
#include "common.h"
#include "diffuse/core/error.h"
#include "src/core/log.h"
#include "src/distributed/launcher.h"

namespace diffuse::cli {

namespace {

struct LaunchFlags {
  int64_t processes = 1;
  int64_t restarts = 0;
  std::vector<std::string> command;
  LogFlags log;
};

int run_launch(const LaunchFlags& flags) {
  flags.log.apply();
  const std::vector<std::string> divided{"train", "sample", "eval"};
  if (!contains(divided, flags.command.at(0)))
    throw Error("expected one of ", join(divided), " and its flags after --, got \"",
                flags.command.at(0), "\", which every process would do again");
  std::vector<std::string> command{std::filesystem::read_symlink("/proc/self/exe").string()};
  command.insert(command.end(), flags.command.begin(), flags.command.end());
  for (int64_t restart = 0;; ++restart) {
    const int code = run_processes(command, flags.processes);
    const bool failed = code != kGood && code != kStoppedEarly && code != kBadUse;
    if (!failed || restart == flags.restarts) return code;
    log_warning(concat("restarting all processes: restart ", restart + 1, " of ", flags.restarts));
  }
}

}  // namespace

Command add_launch(CLI::App& app) {
  auto flags = std::make_shared<LaunchFlags>();
  CLI::App* command =
      app.add_subcommand("launch", "Run a command in several processes on this machine");
  command->footer(
      "Each process takes the GPU of its number, or its share of the cores. On several machines\n"
      "use srun, mpirun or torchrun instead, whose variables let the processes find each other.\n"
      "Examples:\n"
      "  diffuse launch --nproc 8 -- train --config configs/cifar.json --out runs/cifar\n"
      "  diffuse launch --nproc 8 --restarts 3 -- train --config c.json --out runs/c --resume");
  command->add_option("--nproc", flags->processes, "Processes to start")
      ->required()
      ->check(CLI::Range(1, 4096));
  command
      ->add_option("--restarts", flags->restarts,
                   "Restart all, at most this often, when one fails; use train --resume")
      ->check(CLI::Range(0, 1'000'000));
  command->add_option("command", flags->command, "The command and its flags, after --")->required();
  flags->log.add_to(*command);
  return [flags] { return run_launch(*flags); };
}

}  // namespace diffuse::cli
