#include "editing.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>

#include "diffuse/sample/denoise.h"
#include "src/core/log.h"
#include "src/sample/class_choice.h"

namespace diffuse {

GenerateOptions Sampling::rows(int64_t count, int64_t first) const {
  GenerateOptions result = options;
  result.labels = labels_in_turn(classes, first, count);
  return result;
}

GenerateOptions Sampling::rows_from(double t, int64_t count, const Model& model) const {
  GenerateOptions result = rows(count);
  std::vector<double>& list = result.sampler.timesteps;
  std::erase_if(list, [&](double later) { return later >= t; });
  list.insert(list.begin(), t);
  check_sampler(result.sampler, model.config().diffusion);
  return result;
}

at::Tensor interpolate(const Model& model, const Sampling& sampling, const at::Tensor& a,
                       const at::Tensor& b, double depth, const at::Tensor& shares, Mixing mixing,
                       uint64_t seed) {
  if (depth == 0) return mix(a[0], b[0], shares, Mixing::kLinear);  // no noise to preserve
  const Process& process = model.diffusion().process();
  const double time = process.schedule() != nullptr ? depth - 1 : process.time_at(depth);
  const auto noised = [&](const at::Tensor& x0, uint64_t index) {
    const std::vector<StreamKey> key{{seed, index}};
    const at::Tensor eps = normal_rows(key, Purpose::kSampleStart, 0, model.sample_shape());
    const at::Tensor t = at::full({1}, time, at::kDouble);
    return model.diffusion().q_sample(model.to_network(x0), t, eps)[0];
  };
  GenerateOptions options = sampling.rows_from(time, shares.size(0), model);
  options.start = mix(noised(a, 0), noised(b, 1), shares, mixing);
  return model.sample(std::vector<StreamKey>(shares.size(0), {seed, 0}), options);
}

at::Tensor denoise(const Model& model, const Sampling& sampling, const at::Tensor& y, double sigma,
                   Denoising mode, uint64_t seed) {
  const c10::InferenceMode inference;
  model.check_unconditional();
  const int64_t rows = y.size(0);
  if (mode == Denoising::kExpected)
    return denoise_at_once(model.diffusion(), model.denoiser(sampling.rows(rows)),
                           y.to(model.device()), sigma, sampling.options.sampler.clip_x0)
        .cpu();
  const Process& process = model.diffusion().process();
  const double t = time_of_noise(process, sigma);
  GenerateOptions options = sampling.rows_from(t, rows, model);
  options.start = y * process.level(t).a;
  return generate(model.network(), model.diffusion(), consecutive_keys(seed, 0, rows), options)
      .cpu();
}

double noise_unit(const Model& model) {
  const std::vector<double>& std = model.config().data.std;
  const bool one = !std.empty() && std::ranges::all_of(std, [&](double s) { return s == std[0]; });
  if (!std.empty() && !one)
    log_info("sigma is in units of the standard deviation of each channel of the data");
  return one ? std[0] : 1;
}

double mean_noise(const at::Tensor& images) {
  double sum = 0;
  for (int64_t i = 0; i < images.size(0); ++i) sum += estimate_sigma(images[i]);
  return sum / static_cast<double>(images.size(0));
}

double psnr(const at::Tensor& x, const at::Tensor& clean, bool is_image) {
  const at::Tensor shown = is_image ? x.clamp(-1, 1) : x;
  return 10 * std::log10(4 / (shown - clean).square().mean().item<double>());
}

double round_trip_error(const Model& model, const at::Tensor& x0, const at::Tensor& x_T,
                        GenerateOptions options) {
  options.start = x_T;
  const at::Tensor x = model.sample(consecutive_keys(0, 0, x_T.size(0)), options);
  return ((model.to_network(x) - x0) / 2).square().mean().item<double>();
}

}  // namespace diffuse
