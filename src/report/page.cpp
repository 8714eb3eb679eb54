#include "page.h"

#include "diffuse/core/error.h"
#include "diffuse/core/version.h"
#include "html.h"
#include "report_assets.h"

namespace diffuse {

namespace {

std::string curves(const std::vector<RunMetrics>& runs) {
  std::string html;
  for (const Chart& chart : run_charts(runs)) html += chart_element(chart);
  return html.empty() ? "<p>Too few figures for curves yet.</p>\n"
                      : concat("<div class=\"charts\">\n", html, "</div>\n");
}

// As shell commands, for the folder in which the report was made.
std::string commands(const std::vector<RunMetrics>& runs) {
  std::string text;
  for (const RunMetrics& run : runs) {
    const std::string folder = run.folder.string();
    const auto in_run = [&](const std::string& rest) { return shell_word(folder + rest); };
    if (!run.facts.command.empty()) text += "# how it was trained\n" + run.facts.command + "\n";
    text += concat("# again, with the full config\ndiffuse train --config ", in_run("/config.json"),
                   " --out ", in_run("-again"), "\n# its samples\n", "diffuse sample --ckpt ",
                   in_run(""), " -n 64 -o ", in_run("/samples.png"),
                   "\n# its bits per dimension, into this report\ndiffuse eval --ckpt ", in_run(""),
                   " --metrics bpd --json ", in_run("/bpd.json"), "\n\n");
  }
  return concat("<pre>", html_escaped(text.substr(0, text.size() - 1)), "</pre>\n");
}

std::string section(const char* title, const std::string& content) {
  return concat("<section>\n<h2>", title, "</h2>\n", content, "</section>\n");
}

}  // namespace

std::string report_page(const std::vector<RunMetrics>& runs) {
  const std::string title = html_escaped(join(run_labels(runs), " · "));
  return concat("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
                title, "</title>\n<style>", kReportStyle, chart_style(),
                "</style>\n</head>\n<body>\n<h1>", title, "</h1>\n",
                section("Samples", report_samples(runs)), section("Summary", report_summary(runs)),
                section("Curves", curves(runs)), section("Config", report_configs(runs)),
                section("Commands", commands(runs)), "<footer>Made by diffuse ", kVersion,
                ".</footer>\n<script>", kReportScript, "</script>\n</body>\n</html>\n");
}

}  // namespace diffuse
