#include "src/eval/sample_report.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "diffuse/core/error.h"
#include "src/core/json_text.h"
#include "src/core/log.h"

namespace diffuse {

namespace {

nlohmann::ordered_json json_of(const ChannelMoments& moments) {
  return {{"mean", moments.mean}, {"stddev", moments.std}};
}

// "-0.7371, 0.1200": at most four channels, since points may have very many.
std::string text_of(const std::vector<double>& values) {
  std::string text;
  for (size_t i = 0; i < std::min<size_t>(values.size(), 4); ++i) {
    char number[32];
    std::snprintf(number, sizeof number, "%s%.4f", i > 0 ? ", " : "", values[i]);
    text += number;
  }
  return text + (values.size() > 4 ? ", ..." : "");
}

}  // namespace

void write_json(const SampleMetrics& m, const SampleMetricsOptions& options,
                nlohmann::ordered_json& json) {
  if (m.fid) json["fid"] = *m.fid;
  if (m.kid)
    json["kid"] = {{"mean", m.kid->mean},
                   {"stddev", m.kid->deviation},
                   {"subsets", m.kid->subsets},
                   {"subset_size", m.kid->subset_size}};
  if (m.inception)
    json["is"] = {{"mean", m.inception->mean},
                  {"stddev", m.inception->deviation},
                  {"splits", options.splits}};
  if (m.precision_recall)
    json["pr"] = {{"precision", m.precision_recall->precision},
                  {"recall", m.precision_recall->recall},
                  {"neighbours", options.neighbours}};
  if (m.sliced_wasserstein) json["swd"] = *m.sliced_wasserstein;
  if (m.mmd) json["mmd"] = {{"value", *m.mmd}, {"bandwidth", m.bandwidth}};
  json["moments"] = {{"samples", json_of(m.samples)}, {"data", json_of(m.data)}};
}

void write_text(const SampleMetrics& m, std::string& text) {
  const auto line = [&](const char* name, double value, const std::string& more = "") {
    char number[96];
    std::snprintf(number, sizeof number, "%-34s %12.6g%s\n", name, value, more.c_str());
    text += number;
  };
  const auto spread = [](double deviation) { return concat("  +- ", deviation); };
  text += "\n";
  if (m.fid) line("fid   Frechet distance", *m.fid);
  if (m.kid) line("kid   kernel distance", m.kid->mean, spread(m.kid->deviation));
  if (m.inception) line("is    Inception Score", m.inception->mean, spread(m.inception->deviation));
  if (m.precision_recall) {
    line("pr    precision", m.precision_recall->precision);
    line("      recall", m.precision_recall->recall);
  }
  if (m.sliced_wasserstein) line("swd   sliced Wasserstein distance", *m.sliced_wasserstein);
  if (m.mmd) line("mmd   squared kernel discrepancy", *m.mmd, concat("  bandwidth ", m.bandwidth));
  text += concat("samples   mean ", text_of(m.samples.mean), "  stddev ", text_of(m.samples.std),
                 "\ndata      mean ", text_of(m.data.mean), "  stddev ", text_of(m.data.std), "\n");
}

void write_provenance(const FeatureSource& source, nlohmann::ordered_json& provenance,
                      std::string& text) {
  text += concat("\n", json_text(provenance["sampling"]), "\n");
  if (source.extractor != nullptr) {
    const ExtractorOptions& options = source.extractor->options();
    provenance["features"] = {{"file", source.extractor->name()},
                              {"sha1", source.extractor->sha1()},
                              {"input", options.input},
                              {"size", options.size}};
    text += concat("features ", source.extractor->sha1(), "\n");
  }
  if (source.reference) {
    const std::string sha1 = digest(source.reference->gaussian);
    nlohmann::ordered_json& reference = provenance["reference"];
    if (!source.reference_file.empty()) reference["file"] = source.reference_file.string();
    reference["sha1"] = sha1;
    reference["count"] = source.reference->count;  // 0 = not in the file
    text += concat("reference ", sha1, ", of ", source.reference->count, " items\n");
  }
}

void warn_of_count(int64_t samples) {
  if (samples < kUsualCount)
    log_warning(concat(samples,
                       " samples: FID, Inception Score, precision and recall depend on the number ",
                       "of samples (fewer raise the FID); published figures use 50,000. Only KID ",
                       "is unbiased"));
}

}  // namespace diffuse
