// eval --metrics ode-bpd,epsilon,crps: figures of single items.
#include <memory>
#include <optional>

#include "diffuse/core/error.h"
#include "diffuse/eval/ode_likelihood.h"
#include "eval_metrics.h"
#include "src/eval/bound_report.h"
#include "src/eval/crps.h"
#include "src/eval/epsilon_error.h"

namespace diffuse::cli {

namespace {

struct OdeFlags {
  int64_t steps = 200, probes = 1;
  std::optional<double> tolerance;
};

void check(const OdeFlags& flags) {
  if (flags.steps < 1) throw Error("--ode-steps: expected at least 1, got ", flags.steps);
  if (flags.tolerance && !(*flags.tolerance > 0 && *flags.tolerance < 1))
    throw Error("--ode-tolerance: expected a number above 0 and below 1, got ", *flags.tolerance);
  if (flags.probes < 1) throw Error("--ode-probes: expected at least 1, got ", flags.probes);
}

void measure_ode(const OdeFlags& flags, const EvalInput& input, EvalReport& report) {
  OdeOptions options{.evaluation = input.evaluation,
                     .steps = flags.steps,
                     .tolerance = flags.tolerance.value_or(0),
                     .probes = flags.probes};
  options.evaluation.progress =
      show_progress(input, flags.tolerance ? "item" : "network evaluation");
  add_ode_bpd(evaluate_ode(input.model.network(), input.model.diffusion(), input.data, options),
              options, report);
}

void measure_epsilon(const EvalInput& input, EvalReport& report) {
  EvaluationOptions options = input.evaluation;
  options.progress = show_progress(input);
  add_epsilon_error(
      epsilon_error(input.model.network(), input.model.diffusion(), input.data, options), report);
}

void measure_crps(int64_t samples, const EvalInput& input, EvalReport& report) {
  const Sampling sampling = input.sampler.over(input.model);
  CrpsOptions options{
      .evaluation = input.evaluation, .generate = sampling.options, .samples = samples};
  options.generate.precision = input.evaluation.precision;
  options.evaluation.progress = show_progress(input, "sample");
  add_report(report, evaluate_crps(input.model, input.data, options), samples,
             input.sampler.describe(sampling));
}

}  // namespace

MetricFamily add_ode_metrics(CLI::App& command) {
  auto flags = std::make_shared<OdeFlags>();
  command.add_option("--ode-steps", flags->steps, "Heun steps of the solver")
      ->group("ode-bpd")
      ->capture_default_str();
  command
      .add_option(
          "--ode-tolerance", flags->tolerance,
          "Dormand-Prince with at most this error of a step instead, in steps of its choice")
      ->group("ode-bpd")
      ->excludes(command.get_option("--ode-steps"));
  command.add_option("--ode-probes", flags->probes, "Random vectors in the estimate of the trace")
      ->group("ode-bpd")
      ->capture_default_str();
  return {.names = {"ode-bpd"},
          .check = [flags] { check(*flags); },
          .of_items = true,
          .prepare =
              [flags](const EvalInput& input, const std::vector<std::string>&) {
                return [flags, &input](EvalReport& report) { measure_ode(*flags, input, report); };
              }};
}

MetricFamily epsilon_metric() {
  return {.names = {"epsilon"},
          .of_items = true,
          .prepare = [](const EvalInput& input, const std::vector<std::string>&) {
            return [&input](EvalReport& report) { measure_epsilon(input, report); };
          }};
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
