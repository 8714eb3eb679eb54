// eval --metrics crps: the score of samples where a mask hides values.
#include <memory>

#include "diffuse/core/error.h"
#include "eval_metrics.h"
#include "src/eval/crps.h"

namespace diffuse::cli {

static void measure_crps(int64_t samples, const EvalInput& input, EvalReport& report) {
  const Sampling sampling = input.sampler.over(input.model);
  CrpsOptions options{
      .evaluation = input.evaluation, .generate = sampling.options, .samples = samples};
  options.generate.precision = input.evaluation.precision;
  options.evaluation.progress = show_progress(input, "sample");
  add_report(report, evaluate_crps(input.model, input.data, options), samples,
             input.sampler.describe(sampling));
}

MetricFamily add_crps_metric(CLI::App& command) {
  auto samples = std::make_shared<int64_t>(32);
  command.add_option("--crps-samples", *samples, "Samples drawn for each item")
      ->group("crps")
      ->capture_default_str();
  return {.names = {"crps"},
          .check =
              [samples] {
                if (*samples < 2)
                  throw Error("--crps-samples: expected at least 2, got ", *samples);
              },
          .of_items = true,
          .draws = [] { return true; },
          .prepare =
              [samples](const EvalInput& input, const std::vector<std::string>&) {
                check_masked(input.model);
                return [samples, &input](EvalReport& report) {
                  measure_crps(*samples, input, report);
                };
              }};
}

}  // namespace diffuse::cli
