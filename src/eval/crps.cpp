#include "src/eval/crps.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "diffuse/core/error.h"
#include "items.h"
#include "src/eval/eval_work.h"
#include "src/sample/known_part.h"

namespace diffuse {

// Of sorted values x_(1) <= ... <= x_(K), Σ_{k,l} |x_k - x_l| = 2 Σ_k (2 k - K - 1) x_(k).
at::Tensor fair_crps(const at::Tensor& samples, const at::Tensor& truth) {
  const int64_t count = samples.size(0);
  TORCH_CHECK(count > 1 && samples.sizes().slice(1) == truth.sizes(), "CRPS of samples ",
              samples.sizes(), " and the truth ", truth.sizes());
  const at::Tensor sorted = std::get<0>(samples.to(at::kDouble).sort(0));
  std::vector<int64_t> one(samples.dim(), 1);
  one[0] = count;
  const at::Tensor weights =
      (2 * at::arange(1, count + 1, at::kDouble) - static_cast<double>(count + 1)).view(one);
  const at::Tensor spread = (sorted * weights).sum(0) / static_cast<double>(count * (count - 1));
  return (sorted - truth.to(at::kDouble)).abs().mean(0) - spread;
}

// Of sample k of an item: indices of items are far below.
static StreamKey sample_key(const StreamKey& item, int64_t k) {
  return {item.seed, item.index + (static_cast<uint64_t>(k) << 40)};
}

// Rows begin .. end - 1 of options.samples for each item, item by item.
static at::Tensor draw_rows(const Model& model, const Items& items, const CrpsOptions& options,
                            int64_t begin, int64_t end) {
  std::vector<int64_t> numbers;
  std::vector<StreamKey> keys;
  for (int64_t row = begin; row < end; ++row) {
    numbers.push_back(row / options.samples);
    keys.push_back(sample_key(items.keys[numbers.back()], row % options.samples));
  }
  const Conditioning given = select_rows(items.given, at::tensor(numbers).to(items.x0.device()));
  GenerateOptions generate = options.generate;
  generate.labels = given.labels;
  generate.condition = given.condition;
  return model.sample(keys, generate, [](const SampleStep&) { end_if_stopped(); });
}

// The score of the items' unknown values and their share -> float64 [N, 2].
static at::Tensor score(const Model& model, const Items& items, const CrpsOptions& options) {
  const int64_t rows = items.size() * options.samples, batch = options.evaluation.batch;
  std::vector<at::Tensor> drawn;
  for (int64_t row = 0; row < rows; row += batch)
    drawn.push_back(draw_rows(model, items, options, row, std::min(row + batch, rows)));
  const at::Tensor truth = model.to_data(items.x0.to(at::kCPU));
  std::vector<int64_t> shape = truth.sizes().vec();
  shape.insert(shape.begin() + 1, options.samples);  // [N, K, ...]
  const at::Tensor scores = fair_crps(at::cat(drawn).view(shape).transpose(0, 1), truth).flatten(1);
  const at::Tensor known = known_part(items.given.condition, truth.size(1)).known.to(at::kCPU);
  const at::Tensor unknown = (known <= 0).expand_as(truth).flatten(1).to(at::kDouble);
  const at::Tensor share = unknown.mean(1);
  return at::stack({(scores * unknown).mean(1) / share.clamp_min(1e-12), share}, 1);
}

void check_masked(const Model& model) {
  if (!model.config().condition.is_mask())
    throw Error("--metrics crps: expected a model with the /condition/type mask, got \"",
                model.config().condition.type, "\" of ", model.name());
}

Crps evaluate_crps(const Model& model, const Dataset& data, const CrpsOptions& options) {
  EvaluationOptions evaluation = options.evaluation;
  evaluation.batch = std::max<int64_t>(1, evaluation.batch / options.samples);  // of items
  const int64_t n = item_count(data, evaluation);
  int64_t done = 0;
  const auto measure = [&](int64_t first, int64_t count) {
    at::Tensor part = score(model, load_partly_known(data, evaluation, first, count), options);
    done += count;
    if (evaluation.progress)
      evaluation.progress(done * options.samples, own_count(evaluation, n) * options.samples);
    return part;
  };
  const at::Tensor all =
      measure_rows(evaluation, concat("crps-", options.samples), n, {2}, measure);
  const at::Tensor scored = all.index({all.select(1, 1) > 0});
  if (scored.size(0) == 0)
    throw Error("--metrics crps: the masks of ", n, " items leave no value unknown");
  return {.score = estimate(scored.select(1, 0)),
          .unknown = all.select(1, 1).mean().item<double>(),
          .items = scored.size(0)};
}

void add_report(EvalReport& report, const Crps& crps, int64_t samples,
                const nlohmann::ordered_json& sampling) {
  nlohmann::ordered_json json = json_of(crps.score);
  json.update({{"estimator", "fair"},
               {"samples", samples},
               {"items", crps.items},
               {"unknown", crps.unknown},
               {"sampling", sampling}});
  report.json["crps"] = json;
  char text[160];
  std::snprintf(text, sizeof text,
                "\nCRPS of the unknown %.3g %%, %lld samples an item   %9.6g %11.3g\n",
                100 * crps.unknown, static_cast<long long>(samples), crps.score.mean,
                crps.score.standard_error);
  report.text += text;
}

}  // namespace diffuse
