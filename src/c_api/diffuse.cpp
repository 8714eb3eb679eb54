#include "diffuse/diffuse.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "diffuse/config/config_json.h"
#include "diffuse/core/device.h"
#include "diffuse/core/error.h"
#include "diffuse/core/version.h"
#include "diffuse/data/normalization.h"
#include "diffuse/model_file/checkpoint.h"
#include "diffuse/sample/generate.h"

struct diffuse_model {
  diffuse::Config config;
  std::shared_ptr<diffuse::Network> network;
  diffuse::GaussianDiffusion diffusion;
  c10::Device device;
};

namespace diffuse {

static thread_local std::string last_error;

// work()'s result; where it throws, `failed`, with the message kept.
template <class Result, class Work>
static Result guarded(Result failed, const Work& work) {
  try {
    last_error.clear();
    return work();
  } catch (const c10::Error& error) {
    last_error = error.what_without_backtrace();
  } catch (const std::exception& error) {
    last_error = error.what();
  }
  return failed;
}

static diffuse_model* load(const char* path, const char* device) {
  if (path == nullptr || device == nullptr) throw Error("diffuse_load: NULL argument");
  const c10::Device place = select_device(device);
  const Checkpoint checkpoint = load_checkpoint(path);
  auto network = load_network(checkpoint, /*use_ema=*/true);
  network->to(place);
  return new diffuse_model{checkpoint.config, std::move(network),
                           GaussianDiffusion(checkpoint.config.diffusion), place};
}

static SamplerOptions sampler_of(const Config& config, const char* sampler, int64_t steps) {
  std::vector<std::string> overrides;
  if (sampler != nullptr) overrides.push_back(concat("sample.sampler=", sampler));
  if (steps != 0) overrides.push_back(concat("sample.steps=", steps));
  const Config wanted = parse_config(config_to_json(config), "diffuse_sample", overrides);
  return sampler_options(wanted.sample, config.diffusion);
}

static void sample(diffuse_model& model, int64_t first, int64_t n, uint64_t seed,
                   const SamplerOptions& sampler, float* out) {
  constexpr int64_t kBatch = 64;
  const int64_t classes = model.config.model.classes;
  for (int64_t begin = 0; begin < n; begin += kBatch) {
    const int64_t count = std::min(kBatch, n - begin);
    GenerateOptions options{.sampler = sampler,
                            .shape = model.config.model.sample_shape,
                            .classes = classes,
                            .guidance = model.config.sample.guidance,
                            .device = model.device};
    if (classes > 0) options.labels = at::arange(first + begin, first + begin + count) % classes;
    const auto keys = consecutive_keys(seed, first + begin, count);
    const at::Tensor x =
        to_data_units(generate(*model.network, model.diffusion, keys, options).to(at::kCPU),
                      model.config.data)
            .contiguous();
    std::memcpy(out, x.const_data_ptr<float>(), x.nbytes());
    out += x.numel();
  }
}

}  // namespace diffuse

const char* diffuse_version(void) { return diffuse::kVersion; }

diffuse_model* diffuse_load(const char* path, const char* device) {
  return diffuse::guarded<diffuse_model*>(nullptr, [&] { return diffuse::load(path, device); });
}

int diffuse_sample_shape(const diffuse_model* model, int64_t shape[3]) {
  const auto& sizes = model->config.model.sample_shape;
  std::copy(sizes.begin(), sizes.end(), shape);
  return static_cast<int>(sizes.size());
}

int diffuse_sample(diffuse_model* model, int64_t first, int64_t n, uint64_t seed,
                   const char* sampler, int64_t steps, float* out) {
  return diffuse::guarded(-1, [&] {
    if (model == nullptr || out == nullptr || first < 0 || n < 0)
      throw diffuse::Error("diffuse_sample: NULL or negative argument");
    diffuse::sample(*model, first, n, seed, diffuse::sampler_of(model->config, sampler, steps),
                    out);
    return 0;
  });
}

const char* diffuse_last_error(void) { return diffuse::last_error.c_str(); }

void diffuse_free(diffuse_model* model) { delete model; }
