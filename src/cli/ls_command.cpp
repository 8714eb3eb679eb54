// diffuse ls: the runs below a folder, one per line.
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "common.h"
#include "diffuse/core/error.h"
#include "src/core/json_text.h"
#include "src/core/log.h"
#include "src/report/run_list.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct LsFlags {
  std::vector<fs::path> places{"runs"};
  bool json = false;
  LogFlags log;
};

int run_ls(const LsFlags& flags) {
  flags.log.apply();
  const RunList runs = find_runs(flags.places);
  for (const BrokenRun& run : runs.broken) log_warning("cannot be listed: " + run.reason);
  std::cout << (flags.json ? json_text(json_of(runs), 2) + "\n" : text_of(runs));
  return runs.whole.empty() && !runs.broken.empty() ? kBadUse : kGood;
}

}  // namespace

Command add_ls(CLI::App& app) {
  auto flags = std::make_shared<LsFlags>();
  CLI::App* command = app.add_subcommand("ls", "List runs: steps, losses, newest picture");
  command->footer(
      "Examples:\n"
      "  diffuse ls\n"
      "  diffuse ls runs /scratch/runs --json");
  command->add_option("runs", flags->places,
                      "Run folders, or folders of run folders; default: runs");
  command->add_flag("--json", flags->json, "Print a JSON list");
  flags->log.add_to(*command);
  return [flags] { return run_ls(*flags); };
}

}  // namespace diffuse::cli
