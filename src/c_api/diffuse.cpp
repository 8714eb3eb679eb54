#include "diffuse/diffuse.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "diffuse/core/version.h"
#include "diffuse/model_file/model.h"
#include "src/core/device.h"

struct diffuse_model {
  diffuse::Model model;
};

namespace diffuse {

static thread_local std::string last_error;

// Returns work()'s result; if it throws, stores the message and returns `failed`.
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
  return new diffuse_model{Model::load(path, /*use_ema=*/true, select_device(device))};
}

static GenerateOptions options_of(const Model& model, const char* sampler, int64_t steps) {
  std::vector<std::string> overrides;
  if (sampler != nullptr) overrides.push_back(concat("sample.sampler=", sampler));
  if (steps != 0) overrides.push_back(concat("sample.steps=", steps));
  const std::string config = config_to_json(model.config());
  return model.options(parse_config(config, "diffuse_sample", overrides).sample);
}

static void sample(const Model& model, int64_t first, int64_t n, uint64_t seed,
                   GenerateOptions options, float* out) {
  constexpr int64_t kBatch = 64;
  for (int64_t begin = first; begin < first + n; begin += kBatch) {
    const int64_t count = std::min(kBatch, first + n - begin);
    options.labels = round_robin_labels(count, options.classes, begin);
    const at::Tensor x = model.sample(consecutive_keys(seed, begin, count), options).contiguous();
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
  const auto& sizes = model->model.sample_shape();
  std::copy(sizes.begin(), sizes.end(), shape);
  return static_cast<int>(sizes.size());
}

int diffuse_sample(diffuse_model* model, int64_t first, int64_t n, uint64_t seed,
                   const char* sampler, int64_t steps, float* out) {
  return diffuse::guarded(-1, [&] {
    if (model == nullptr || out == nullptr || first < 0 || n < 0)
      throw diffuse::Error("diffuse_sample: NULL or negative argument");
    diffuse::sample(model->model, first, n, seed, diffuse::options_of(model->model, sampler, steps),
                    out);
    return 0;
  });
}

const char* diffuse_last_error(void) { return diffuse::last_error.c_str(); }

void diffuse_free(diffuse_model* model) { delete model; }
