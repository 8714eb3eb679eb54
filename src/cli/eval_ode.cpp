// eval --metrics ode-bpd,epsilon: the likelihood by the probability-flow ODE, the error of epsilon.
#include <memory>

#include "diffuse/core/error.h"
#include "diffuse/eval/ode_likelihood.h"
#include "eval_metrics.h"
#include "src/eval/bound_report.h"
#include "src/eval/epsilon_error.h"

namespace diffuse::cli {

namespace {

struct OdeFlags {
  int64_t steps = 200, probes = 1;
};

void check(const OdeFlags& flags) {
  if (flags.steps < 1) throw Error("--ode-steps: expected at least 1, got ", flags.steps);
  if (flags.probes < 1) throw Error("--ode-probes: expected at least 1, got ", flags.probes);
}

void measure_ode(const OdeFlags& flags, const EvalInput& input, EvalReport& report) {
  OdeOptions options{.evaluation = input.evaluation, .steps = flags.steps, .probes = flags.probes};
  options.evaluation.progress = show_progress(input);
  add_ode_bpd(evaluate_ode(input.model.network(), input.model.diffusion(), input.data, options),
              flags.probes, report);
}

void measure_epsilon(const EvalInput& input, EvalReport& report) {
  EvaluationOptions options = input.evaluation;
  options.progress = show_progress(input);
  add_epsilon_error(
      epsilon_error(input.model.network(), input.model.diffusion(), input.data, options), report);
}

}  // namespace

MetricFamily add_ode_metrics(CLI::App& command) {
  auto flags = std::make_shared<OdeFlags>();
  command.add_option("--ode-steps", flags->steps, "Heun steps of the solver")
      ->group("ode-bpd")
      ->capture_default_str();
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
          .check = [] {},
          .of_items = true,
          .prepare =
              [](const EvalInput& input, const std::vector<std::string>&) {
                return [&input](EvalReport& report) { measure_epsilon(input, report); };
              }};
}

}  // namespace diffuse::cli
