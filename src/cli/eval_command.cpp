// diffuse eval: figures of a model on data.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "commands.h"
#include "diffuse/core/error.h"
#include "diffuse/core/version.h"
#include "eval_metrics.h"
#include "src/core/device.h"
#include "src/core/duration.h"
#include "src/core/log.h"
#include "src/core/progress.h"
#include "src/core/stop.h"
#include "src/eval/eval_data.h"

namespace fs = std::filesystem;

namespace diffuse::cli {

namespace {

struct EvalFlags {
  ModelFlags model;
  SamplerFlags sampler;
  fs::path data, json, queue;
  std::vector<std::string> metrics{"bpd"};
  int64_t items = 256, batch = 128;
  std::string split = "held_out", precision = "fp32", peer_timeout = "10m";
  uint64_t seed = 0;
  MachineFlags machine;
};

void check_flags(const EvalFlags& flags, const std::vector<MetricFamily>& families) {
  std::vector<std::string> names;
  for (const MetricFamily& family : families)
    names.insert(names.end(), family.names.begin(), family.names.end());
  for (const std::string& metric : flags.metrics)
    if (!contains(names, metric))
      throw Error("--metrics: expected some of ", join(names), ", got \"", metric, "\"",
                  did_you_mean(metric, names));
  const std::vector<std::string> divided{"bpd", "rd", "ode-bpd", "epsilon"};
  for (const std::string& metric : flags.metrics)
    if (!flags.queue.empty() && !contains(divided, metric))
      throw Error("--queue: expected only ", join(divided), ", got ", metric,
                  "; for the others, fill a folder with sample --queue and use --samples");
  if (flags.items < 0) throw Error("--items: expected at least 1, or 0 for all, got ", flags.items);
  if (flags.batch < 1) throw Error("--batch: expected at least 1, got ", flags.batch);
}

EvaluationOptions options_of(const EvalFlags& flags, const Model& model, const EvalData& data,
                             c10::Device device, std::shared_ptr<World> world) {
  const int64_t classes = model.config().model.classes;
  const auto named = static_cast<int64_t>(data.set->class_names().size());
  if (classes > 0 && classes != named)
    throw Error("--data: ", model.name(), " is conditioned on ", classes, " classes, ", data.name,
                " has ", named);
  const int64_t items = flags.items == 0 ? data.set->size() : flags.items;
  return {.items = std::min(items, data.set->size()),
          .batch = flags.batch,
          .labels = classes > 0,
          .condition = model.config().condition,
          .seed = flags.seed,
          .device = device,
          .precision = select_precision(parse_word<Precision>(flags.precision, "--precision"),
                                        device, "--precision"),
          .world = std::move(world),
          .queue = flags.queue,
          .patience = parse_duration(flags.peer_timeout)};
}

// The settings behind the figures: without them they cannot be compared with others.
nlohmann::ordered_json provenance(const EvalFlags& flags, const Model& model, const EvalData& data,
                                  const EvaluationOptions& options, bool of_items) {
  nlohmann::ordered_json json{{"program", concat("diffuse ", kVersion)},
                              {"model", model.name()},
                              {"step", model.step()},
                              {"weights", model.weights()},
                              {"data", data.name},
                              {"seed", options.seed},
                              {"precision", flags.precision},
                              {"device", concat(options.device)}};
  if (of_items)
    json.update({{"split", flags.split}, {"items", options.items}, {"of", data.set->size()}});
  return json;
}

std::vector<std::string> asked_of(const MetricFamily& family, const EvalFlags& flags) {
  std::vector<std::string> asked;
  for (const std::string& name : family.names)
    if (contains(flags.metrics, name)) asked.push_back(name);
  return asked;
}

void check_sampler_is_used(const EvalFlags& flags, const std::vector<MetricFamily>& families) {
  const std::string given = flags.sampler.given();
  const bool draws = std::any_of(families.begin(), families.end(), [&](const auto& family) {
    return family.draws() && !asked_of(family, flags).empty();
  });
  if (!given.empty() && !draws)
    throw Error(given,
                ": no samples are drawn here; leave it out, or name --metrics that draw "
                "some");
}

void check_paths(const EvalFlags& flags, const std::vector<MetricFamily>& families) {
  std::vector<NamedPath> outputs{{"--json", flags.json}};
  std::vector<NamedPath> inputs{{"--ckpt", flags.model.checkpoint}, {"--data", flags.data}};
  for (const MetricFamily& family : families) {
    for (const NamedPath& output : family.outputs()) outputs.push_back(output);
    for (const NamedPath& input : family.inputs()) inputs.push_back(input);
  }
  check_outputs(outputs, inputs);
}

// Whether a requested metric measures items of --split.
bool measures_items(const EvalFlags& flags, const std::vector<MetricFamily>& families) {
  return std::any_of(families.begin(), families.end(), [&](const auto& family) {
    return family.of_items && !asked_of(family, flags).empty();
  });
}

// With the provenance only.
EvalReport empty_report(const EvalFlags& flags, const EvalInput& input, const EvalData& data,
                        bool of_items) {
  const Model& model = input.model;
  if (of_items && data.set->size() == 0)
    throw Error("--split ", flags.split, ": ", data.name, " has no such items",
                flags.split == "train" ? "" : "; data.held_out sets how many are");
  EvalReport report;
  report.json["provenance"] = provenance(flags, model, data, input.evaluation, of_items);
  report.text = concat(model.name(), ", step ", model.step(), ", ", model.weights(), " weights; ");
  if (of_items)
    report.text +=
        concat(input.evaluation.items, " of ", data.set->size(), " ", flags.split, " items of ");
  report.text += data.name + "\n";
  return report;
}

int run_eval(const CLI::App& command, const EvalFlags& flags,
             const std::vector<MetricFamily>& families) {
  const Launch launch = launch_from_environment();
  const c10::Device device = flags.machine.apply(launch);
  check_flags(flags, families);
  check_flags_are_used(command, flags.metrics);
  for (const MetricFamily& family : families) family.check();
  check_sampler_is_used(flags, families);
  install_stop_handlers();
  const auto world = std::make_shared<World>(flags.queue.empty() ? launch : Launch{}, device,
                                             parse_duration(flags.peer_timeout));
  if (world->is_first()) check_paths(flags, families);
  const Model model = flags.model.load(device);
  if (!flags.sampler.given().empty())  // refuse what does not fit before long work starts
    flags.sampler.over(model);
  const Split split = flags.split == "train" ? Split::kTrain : Split::kHeldOut;
  const EvalData data = open_eval_data(flags.data, model, split);
  if (!data.class_note.empty()) log_info(data.class_note);
  const EvalInput input{model, flags.sampler, *data.set,
                        options_of(flags, model, data, device, world),
                        [&](Split part) { return open_eval_data(flags.data, model, part).set; }};
  const bool of_items = measures_items(flags, families);
  if (of_items)  // these use every timestep
    in_config(model.name(),
              [&] { check_last_step(model.config().diffusion, model.diffusion().process()); });
  EvalReport report = empty_report(flags, input, data, of_items);
  join_queue(flags.queue, report.json["provenance"]);
  std::vector<Measurement> work;
  for (const MetricFamily& family : families)
    if (const auto asked = asked_of(family, flags); !asked.empty())
      work.push_back(family.prepare(input, asked));
  log_info(concat("evaluating ", report.text.substr(0, report.text.size() - 1), " on ", device));
  measure_all(work, report, [&] {
    if (input.writes()) write_report(flags.json, report.json, [&] { std::cout << report.text; });
  });
  return kGood;
}

void add_options(CLI::App& command, EvalFlags& flags) {
  flags.model.add_to(command);
  command.add_option("--data", flags.data,
                     "A config, for its data, or a path; default: the data of the model's config");
  command
      .add_option(
          "--metrics", flags.metrics,
          "bpd, rd, ode-bpd, epsilon, crps, neighbours, fid, kid, is, pr, swd, mmd: one or more, "
          "with commas")
      ->delimiter(',')
      ->capture_default_str();
  command.add_option("--items", flags.items, "Items measured, spread evenly over the set; 0 = all")
      ->capture_default_str();
  command.add_option("--split", flags.split, "train or held_out")
      ->check(CLI::IsMember({"train", "held_out"}))
      ->capture_default_str();
  command
      .add_option("--batch", flags.batch, "Samples computed at once; does not change the figures")
      ->capture_default_str();
  command.add_option("--seed", flags.seed,
                     "Seed of all noise: item i's is a function of (seed, i)");
  command.add_option("--precision", flags.precision, "fp32, bf16, fp16 (GPU) or auto")
      ->check(CLI::IsMember(words_of<Precision>()));
  command.add_option("--json", flags.json, "Write all figures and their settings; - = print");
  command.add_option(
      "--queue", flags.queue,
      "bpd, rd, ode-bpd, epsilon: a folder through which all processes with the same "
      "command line share the work; they may start and stop at any time");
  flags.sampler.add_to(command,
                       "Samples of the model: crps, fid, kid, is, pr, swd, mmd, neighbours");
  add_peer_timeout(command, flags.peer_timeout);
  flags.machine.add_to(command);
}

}  // namespace

std::function<void(int64_t, int64_t)> show_progress(const EvalInput& input, const std::string& unit,
                                                    const std::string& text) {
  return [unit, text, world = input.evaluation.world, progress = std::shared_ptr<Progress>()](
             int64_t done, int64_t total) mutable {
    world->progress();
    if (!progress)
      progress = std::make_shared<Progress>(ProgressOptions{.unit = unit, .total = total});
    progress->update(done, text);
    if (done == total) progress->finish();
    end_if_stopped();
  };
}

Command add_eval(CLI::App& app) {
  auto flags = std::make_shared<EvalFlags>();
  CLI::App* command = app.add_subcommand("eval", "Measure a trained model on data");
  command->footer(
      "Examples:\n"
      "  diffuse eval --ckpt runs/mnist --timesteps-per-item 20 --json bpd.json\n"
      "  diffuse eval --ckpt model.pt --data configs/mnist.json --metrics bpd,rd --csv terms.csv\n"
      "  diffuse eval --ckpt oracle.json --metrics bpd,ode-bpd --items 1000\n"
      "  diffuse eval --ckpt runs/mnist --metrics neighbours --neighbour-picture near.png\n"
      "  diffuse eval --ckpt runs/series_forecast --metrics crps --items 1000\n"
      "  diffuse eval --ckpt runs/cifar --metrics fid,kid --features inception.pt -n 50000\n"
      "  diffuse launch --nproc 8 -- eval --ckpt runs/cifar --metrics bpd --items 0");
  add_options(*command, *flags);
  const std::vector<MetricFamily> families{
      add_bound_metrics(*command), add_ode_metrics(*command),       epsilon_metric(),
      add_crps_metric(*command),   add_neighbour_metrics(*command), add_sample_metrics(*command)};
  return [command, flags, families] { return run_eval(*command, *flags, families); };
}

}  // namespace diffuse::cli
