#include "diffuse/eval/bound.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <numbers>

#include "bound_levels.h"
#include "bound_sum.h"
#include "diffuse/core/error.h"
#include "items.h"
#include "src/data/normalization.h"
#include "src/diffusion/likelihood.h"

namespace diffuse {

// The beginning of part `part` of 1 .. T - 1. It grows quadratically, as L_{t-1} is largest at small t.
static int64_t begin_of(int64_t part, int64_t parts, int64_t T) {
  return 1 + std::max(part, (T - 1) * part * part / (parts * parts));
}

// One timestep from each of `parts` parts of 1 .. T - 1, and always 0.
static void choose_timesteps(const Items& items, int64_t T, int64_t parts, MeasuredTerms& out) {
  const int64_t n = items.size();
  out.t = at::zeros({n, parts + 1}, at::kLong);
  out.weight = at::ones({n, parts + 1}, at::kDouble);
  int64_t* t = out.t.mutable_data_ptr<int64_t>();
  double* weight = out.weight.mutable_data_ptr<double>();
  for (int64_t i = 0; i < n; ++i) {
    RandomStream random(items.keys[i].seed, Purpose::kEvaluation, items.keys[i].index,
                        step_of(Draw::kTimestep));
    ++t, ++weight;  // t = 0
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t begin = begin_of(part, parts, T);
      const int64_t length = begin_of(part + 1, parts, T) - begin;
      *t++ = begin + random.below(length);
      *weight++ = static_cast<double>(length);
    }
  }
}

// log q(x_{t-1} | x_t, x_0) - log p(x_{t-1} | x_t) at x_{t-1} ~ q, from z ~ N(0, I); its mean is the KL. Bits
// per dimension [B]; meaningless at t = 0.
static at::Tensor sampled_kl(const Gaussian& q, const Gaussian& p, const at::Tensor& z) {
  const at::Tensor x_prev = q.mean + (0.5 * q.log_variance).exp() * z;
  const at::Tensor log_ratio = gaussian_log_density(x_prev, q.mean, q.log_variance) -
                               gaussian_log_density(x_prev, p.mean, p.log_variance);
  return log_ratio.flatten(1).mean(1) / std::numbers::ln2;
}

namespace {
// The kind of the items, and the units of their numbers.
struct Units {
  SampleKind kind;
  DataConfig data;
};
}  // namespace

// The Gaussian in the data's units.
static Gaussian in_data_units(const Gaussian& gaussian, const DataConfig& units) {
  if (units.mean.empty()) return gaussian;
  const at::Tensor scale = by_channel(units.std, gaussian.mean);
  return {to_data_units(gaussian.mean, units), gaussian.variance * scale.square(),
          gaussian.log_variance + 2 * scale.log()};
}

// (term, Monte Carlo, distortion) of pairs (item, t) -> [3, B] on the CPU.
static at::Tensor measure_pairs(Network& network, const GaussianDiffusion& diffusion,
                                const BoundLevels& levels, const Items& items,
                                const std::vector<int64_t>& item, const at::Tensor& t_cpu,
                                const Units& units, const BoundOptions& options) {
  std::vector<StreamKey> keys;
  std::vector<uint32_t> forward, posterior;
  for (size_t b = 0; b < item.size(); ++b) {
    const int64_t t = t_cpu.const_data_ptr<int64_t>()[b];
    keys.push_back(items.keys[item[b]]);
    forward.push_back(step_of(Draw::kForward, t));
    posterior.push_back(step_of(Draw::kPosterior, t));
  }
  const at::Tensor rows = at::tensor(item).to(items.x0.device());
  const at::Tensor x0 = items.x0.index_select(0, rows), t = t_cpu.to(x0.device());
  const Levels from = levels.at(t), to = levels.before(t);
  const at::Tensor x_t = diffusion.q_sample(x0, from.time, noise_like(x0, keys, forward));
  const Denoiser denoiser =
      in_double(network, diffusion, select_rows(items.given, rows), options.evaluation);
  const auto prediction = diffusion.denoised(denoiser(x_t, from.time), x_t, from, options.clip_x0);
  const Gaussian p = in_data_units(diffusion.reverse(prediction, x_t, from, to), units.data);
  const Gaussian q = in_data_units(diffusion.posterior(x0, x_t, from, to), units.data);
  const at::Tensor data = to_data_units(x0, units.data);
  const at::Tensor term = bound_term(q, p, data, t, units.kind);
  const at::Tensor draw = sampled_kl(q, p, noise_like(x0, keys, posterior));
  const at::Tensor error = data - to_data_units(prediction.x0, units.data);
  const at::Tensor distortion = error.square().flatten(1).mean(1);
  return at::stack({term, at::where(t == 0, term, draw), distortion}).to(at::kCPU);
}

// Measures all pairs of items and their timesteps, in full batches for any number of items.
static MeasuredTerms measure(Network& network, const GaussianDiffusion& diffusion,
                             const Items& items, const Units& units, const BoundOptions& options,
                             const std::function<void(int64_t)>& on_done) {
  const BoundLevels levels(diffusion.process());
  const int64_t T = levels.count(), n = items.size();
  const int64_t asked = options.timesteps_per_item;
  MeasuredTerms out;
  choose_timesteps(items, T, asked == 0 ? T - 1 : std::min(asked, T - 1), out);
  const at::Tensor times = out.t.t().flatten();  // timestep by timestep
  const int64_t pairs = times.size(0);
  std::vector<at::Tensor> parts;
  for (int64_t begin = 0; begin < pairs; begin += options.evaluation.batch) {
    const int64_t end = std::min(begin + options.evaluation.batch, pairs);
    std::vector<int64_t> item;
    for (int64_t pair = begin; pair < end; ++pair) item.push_back(pair % n);
    parts.push_back(measure_pairs(network, diffusion, levels, items, item,
                                  times.slice(0, begin, end).contiguous(), units, options));
    on_done(end - begin);
  }
  const at::Tensor all = at::cat(parts, 1).view({3, -1, n}).transpose(1, 2);
  out.term = all[0];
  out.monte_carlo = all[1];
  out.distortion = all[2];
  out.prior = prior_term(diffusion.process(), items.x0).to(at::kCPU);
  return out;
}

Bound evaluate_bound(Network& network, const GaussianDiffusion& diffusion, const Dataset& data,
                     const BoundOptions& options) {
  const c10::InferenceMode inference;
  network.eval();
  const EvaluationOptions& evaluation = options.evaluation;
  const int64_t T = BoundLevels(diffusion.process()).count(), n = item_count(data, evaluation);
  const int64_t each =
      options.timesteps_per_item == 0 ? T : std::min(options.timesteps_per_item + 1, T);
  const int64_t total = each * own_count(evaluation, n);
  const Units units{data.sample_kind(), with_normalization({}, data)};
  BoundSum sum(T);
  int64_t done = 0;
  const auto measure_some = [&](int64_t first, int64_t count) {
    BoundSum part(T);
    part.add(measure(network, diffusion, load_items(data, evaluation, first, count), units, options,
                     [&](int64_t more) {
                       done += more;
                       if (evaluation.progress) evaluation.progress(done, total);
                     }));
    return part.packed();
  };
  measure_parts(evaluation, concat("bound-", options.timesteps_per_item), n, measure_some,
                [&](const at::Tensor& part) { sum.add_packed(part); });
  sum.join(*evaluation.world, n);
  return sum.result();
}

}  // namespace diffuse
