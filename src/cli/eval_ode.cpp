// eval --metrics ode-bpd: the likelihood by the probability-flow ODE.
#include <cstdio>
#include <memory>

#include "diffuse/core/error.h"
#include "diffuse/eval/ode_likelihood.h"
#include "eval_metrics.h"

namespace diffuse::cli {

namespace {

struct OdeFlags {
  int64_t steps = 200, probes = 1;
};

void check(const OdeFlags& flags) {
  if (flags.steps < 1) throw Error("--ode-steps: expected at least 1, got ", flags.steps);
  if (flags.probes < 1) throw Error("--ode-probes: expected at least 1, got ", flags.probes);
}

void measure(const OdeFlags& flags, const EvalInput& input, EvalReport& report) {
  OdeOptions options{.evaluation = input.evaluation, .steps = flags.steps, .probes = flags.probes};
  options.evaluation.progress = show_progress(input);
  const OdeLikelihood result =
      evaluate_ode(input.model.network(), input.model.diffusion(), input.data, options);
  nlohmann::ordered_json json = json_of(result.bits);
  json["steps"] = result.steps;
  json["probes"] = flags.probes;
  report.json["ode-bpd"] = json;
  char text[128];
  std::snprintf(text, sizeof text, "\nbits/dim by the ODE (%lld Heun steps)   %9.6g %11.3g\n",
                static_cast<long long>(result.steps), result.bits.mean, result.bits.standard_error);
  report.text += text;
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
                return [flags, &input](EvalReport& report) { measure(*flags, input, report); };
              }};
}

}  // namespace diffuse::cli
