// diffuse report: runs as one self-contained HTML page.
#include "commands.h"
#include "common.h"
#include "src/files/atomic_write.h"
#include "src/files/file.h"
#include "src/report/page.h"
#include "src/train/outputs.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct ReportFlags {
  std::vector<fs::path> runs;
  fs::path out = "report.html";
  LogFlags log;
};

int run_report(const ReportFlags& flags) {
  flags.log.apply();
  check_outputs({{"-o", flags.out}});
  if (!contains({".html", ".htm"}, ending_of(flags.out)))
    throw Error("-o ", flags.out.string(), ": expected a name ending in .html");
  std::vector<RunMetrics> runs;
  for (const fs::path& folder : flags.runs) runs.push_back(read_run(folder));
  atomic_write(flags.out, report_page(runs));
  print_path(flags.out);
  return kGood;
}

}  // namespace

Command add_report(CLI::App& app) {
  auto flags = std::make_shared<ReportFlags>();
  CLI::App* command = app.add_subcommand("report", "Write runs as one self-contained HTML page");
  command->footer(
      "Shows the run's grids, results of sample -o and eval --json in its folder, curves and "
      "the\n"
      "config. Several runs are shown side by side.\n"
      "Examples:\n"
      "  diffuse report runs/shapes -o report.html\n"
      "  diffuse report runs/a runs/b -o compared.html");
  command->add_option("runs", flags->runs, "Run folders")->required();
  command->add_option("-o,--out", flags->out, "The page, a .html; default report.html");
  flags->log.add_to(*command);
  return [flags] { return run_report(*flags); };
}

}  // namespace diffuse::cli
