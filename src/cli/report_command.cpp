// diffuse report: a run as one page of HTML that needs nothing beside it.
#include <algorithm>
#include <iomanip>

#include "commands.h"
#include "common.h"
#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "diffuse/core/version.h"
#include "src/files/atomic_write.h"
#include "src/files/file.h"
#include "src/train/outputs.h"
#include "src/train/run_metrics.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

constexpr const char* kStyle =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;"
    "color:#222;background:#fff}h1,h2{font-weight:600}h2{margin-top:2.5rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem 1.2rem .2rem 0;text-align:left}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}img{max-width:100%}"
    "figure{display:inline-block;margin:0 1rem 1rem 0;vertical-align:top}"
    "figcaption{color:#666;font-size:.9rem}pre{background:#f4f4f4;padding:1rem;overflow:auto}";

std::string escaped(std::string_view text) {
  std::string html;
  for (const char c : text) {
    if (c == '<')
      html += "&lt;";
    else if (c == '>')
      html += "&gt;";
    else if (c == '&')
      html += "&amp;";
    else if (c == '"')
      html += "&quot;";
    else
      html += c;
  }
  return html;
}

// RFC 4648, section 4.
std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k)
      text += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::string figure(std::string_view png, const std::string& caption) {
  return concat("<figure><img alt=\"", escaped(caption), "\" src=\"data:image/png;base64,",
                base64(png), "\"><figcaption>", escaped(caption), "</figcaption></figure>\n");
}

std::string row(const std::string& name, const std::string& value) {
  return concat("<tr><th>", escaped(name), "</th><td class=\"n\">", escaped(value), "</td></tr>\n");
}

std::string facts(const RunMetrics& run) {
  const Config& config = run.config;
  std::string html = "<table>\n";
  html += row("data", config.data.type);
  html += row("model", config.model.type);
  html += row("steps", concat(run.step(), " of ", config.train.steps));
  html += row("batch size", concat(config.train.batch_size));
  for (const std::string& name : run.names())
    html += row(name, concat(std::setprecision(5), *run.last(name)));
  return html + "</table>\n";
}

// A curve of each metric that has at least two values.
std::string curves(const RunMetrics& run) {
  std::string html;
  for (const std::string& name : run.names()) {
    if (run.series(name).x.size() < 2) continue;
    html += figure(encode_png(draw_plot({metric_panel({run}, name)}, 900, 260)), name);
  }
  return html.empty() ? "<p>Too few figures for curves yet.</p>\n" : html;
}

// The bytes of a picture that the run drew, and of nothing else: a page is made to be passed on, so no
// link may bring another file into it.
std::string read_picture(const fs::path& path) {
  constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";
  if (fs::is_symlink(path)) throw Error(path.string(), ": expected a PNG picture, found a link");
  const InputFile file(path);
  std::string bytes = file.read(0, file.size());
  if (!bytes.starts_with(kSignature))
    throw Error(path.string(), ": expected a PNG picture, found something else");
  return bytes;
}

// The newest pictures and, evenly spread, older ones: six in all.
std::string samples(const RunMetrics& run) {
  constexpr size_t kShown = 6;
  const auto pictures = run.pictures();
  const size_t count = std::min(kShown, pictures.size());
  std::string html;
  for (size_t i = 0; i < count; ++i) {
    const auto& [step, path] = pictures[(i + 1) * pictures.size() / count - 1];
    html += figure(read_picture(path), concat("step ", step));
  }
  return html.empty() ? "<p>No pictures drawn (train.sample_every is 0).</p>\n" : html;
}

std::string page(const RunMetrics& run) {
  const fs::path folder = fs::canonical(run.folder);
  const std::string title = escaped(folder.filename().string());
  return concat("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>",
                title, "</title>\n<style>", kStyle, "</style>\n</head>\n<body>\n<h1>", title,
                "</h1>\n", facts(run), "<h2>Samples</h2>\n", samples(run), "<h2>Curves</h2>\n",
                curves(run), "<h2>Config</h2>\n<pre>", escaped(config_to_json(run.config)),
                "</pre>\n<p>Made by diffuse ", kVersion, ".</p>\n</body>\n</html>\n");
}

}  // namespace

Command add_report(CLI::App& app) {
  auto folder = std::make_shared<fs::path>();
  auto out = std::make_shared<fs::path>("report.html");
  CLI::App* command = app.add_subcommand("report", "Write a run as one self-contained HTML page");
  command->footer(
      "Examples:\n"
      "  diffuse report runs/shapes -o report.html");
  command->add_option("run", *folder, "Run folder")->required();
  command->add_option("-o,--out", *out, "The page; default report.html");
  return [folder, out] {
    check_outputs({{"-o", *out}});
    atomic_write(*out, page(read_run(*folder)));
    print_path(*out);
    return kGood;
  };
}

}  // namespace diffuse::cli
