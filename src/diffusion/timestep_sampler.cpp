#include "src/diffusion/timestep_sampler.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "diffuse/core/random.h"

namespace diffuse {

static constexpr int64_t kHistory = 10;
static constexpr double kUniformShare = 0.001;

TimestepSampler::TimestepSampler(const DiffusionConfig& config, uint64_t seed)
    : kind_(config.timestep_sampler), timesteps_(config.timesteps), seed_(seed) {
  if (!config.is_chain()) law_.emplace(config, make_process(config));
  if (kind_ != TimestepLaw::kImportance) return;
  history_ = at::zeros({timesteps_, kHistory}, at::kDouble);
  count_ = at::zeros({timesteps_}, at::kLong);
}

// frac(u + i / B) with one u per step                                            [Kingma21] app. I.1
double TimestepSampler::stratified(int64_t sample, int64_t global_batch) const {
  // Stream step 1: distinct from the streams of single samples, whose step is 0.
  const auto step = static_cast<uint64_t>(sample / global_batch);
  const double shared = RandomStream(seed_, Purpose::kTimestep, step, 1).uniform();
  const double place =
      shared + static_cast<double>(sample % global_batch) / static_cast<double>(global_batch);
  return place - std::floor(place);
}

TimestepDraw TimestepSampler::draw_continuous(int64_t first_sample, int64_t count,
                                              int64_t global_batch) const {
  constexpr double kLeast = 0x1p-60;  // a normal law has no time at 0
  std::vector<double> u(count);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t sample = first_sample + i;
    u[i] = kind_ == TimestepLaw::kStratified
               ? stratified(sample, global_batch)
               : RandomStream(seed_, Purpose::kTimestep, static_cast<uint64_t>(sample)).uniform();
    u[i] = std::max(u[i], kLeast);
  }
  return {law_->times(at::tensor(u, at::kDouble)), at::ones({count}, at::kFloat)};
}

TimestepDraw TimestepSampler::draw(int64_t first_sample, int64_t count, int64_t global_batch) {
  const int64_t step = first_sample / global_batch;
  TORCH_CHECK(count > 0 && (first_sample + count - 1) / global_batch == step, "samples ",
              first_sample, " to ", first_sample + count - 1, " are not of one step of ",
              global_batch);
  if (law_) return draw_continuous(first_sample, count, global_batch);
  if (kind_ == TimestepLaw::kImportance && (step != step_ || first_sample % global_batch == 0)) {
    const at::Tensor p = probabilities();
    p_.assign(p.const_data_ptr<double>(), p.const_data_ptr<double>() + timesteps_);
    cumulative_.resize(p_.size());
    std::partial_sum(p_.begin(), p_.end(), cumulative_.begin());
    step_ = step;
  }
  std::vector<int64_t> t(count);
  std::vector<float> weight(count, 1.0f);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t sample = first_sample + i;
    RandomStream stream(seed_, Purpose::kTimestep, static_cast<uint64_t>(sample));
    if (kind_ == TimestepLaw::kUniform) t[i] = stream.below(timesteps_);
    if (kind_ == TimestepLaw::kStratified)
      t[i] = std::min(
          static_cast<int64_t>(stratified(sample, global_batch) * static_cast<double>(timesteps_)),
          timesteps_ - 1);
    if (kind_ != TimestepLaw::kImportance) continue;
    const auto place = std::upper_bound(cumulative_.begin(), cumulative_.end(),
                                        stream.uniform() * cumulative_.back());
    t[i] = std::min<int64_t>(place - cumulative_.begin(), timesteps_ - 1);
    weight[i] = static_cast<float>(1 / (static_cast<double>(timesteps_) * p_[t[i]]));
  }
  return {at::tensor(t, at::kLong), at::tensor(weight, at::kFloat)};
}

void TimestepSampler::observe(const at::Tensor& t, const at::Tensor& losses) {
  if (kind_ != TimestepLaw::kImportance) return;
  const at::Tensor rows = t.to(at::kCPU, at::kLong).contiguous();
  const at::Tensor values = losses.detach().to(at::kCPU, at::kDouble).contiguous();
  double* const history = history_.data_ptr<double>();
  int64_t* const count = count_.data_ptr<int64_t>();
  for (int64_t i = 0; i < rows.numel(); ++i) {
    const int64_t row = rows.const_data_ptr<int64_t>()[i];
    const double loss = values.const_data_ptr<double>()[i];
    TORCH_CHECK(row >= 0 && row < timesteps_, "timestep ", row, " of ", timesteps_);
    if (!std::isfinite(loss)) continue;
    double* const kept = history + row * kHistory;
    if (count[row] == kHistory) std::copy(kept + 1, kept + kHistory, kept);
    count[row] = std::min(count[row] + 1, kHistory);
    kept[count[row] - 1] = loss;
  }
}

at::Tensor TimestepSampler::probabilities() const {
  const auto steps = static_cast<double>(timesteps_);
  const at::Tensor uniform = at::full({timesteps_}, 1 / steps, at::kDouble);
  if (kind_ != TimestepLaw::kImportance || (count_ < kHistory).any().item<bool>()) return uniform;
  const at::Tensor size = history_.square().mean(1).sqrt();
  const double total = size.sum().item<double>();
  if (total == 0) return uniform;
  return (1 - kUniformShare) * size / total + kUniformShare * uniform;
}

std::vector<std::pair<std::string, at::Tensor>> TimestepSampler::state() const {
  if (kind_ != TimestepLaw::kImportance) return {};
  return {{"history", history_}, {"count", count_}};
}

}  // namespace diffuse
