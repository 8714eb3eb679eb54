#include "diffuse/diffuse.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "diffuse/core/version.h"
#include "diffuse/model_file/model.h"
#include "src/core/device.h"
#include "src/model_file/condition_input.h"

struct diffuse_model {
  diffuse::Model model;
  at::Tensor conditions{};  // [N, ...]: Conditioning::condition; undefined = none
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

// Makes `found` the model's conditions.
static int64_t set_conditions(diffuse_model& handle, const GivenConditions& found) {
  handle.conditions = found.rows;
  return found.rows.defined() ? found.count() : 0;
}

static void sample(const diffuse_model& handle, int64_t first, int64_t n, uint64_t seed,
                   GenerateOptions options, float* out) {
  constexpr int64_t kBatch = 64;
  for (int64_t begin = first; begin < first + n; begin += kBatch) {
    const int64_t count = std::min(kBatch, first + n - begin);
    options.labels = round_robin_labels(count, options.classes, begin);
    if (handle.conditions.defined())
      options.condition = handle.conditions.index_select(
          0, at::arange(begin, begin + count).remainder(handle.conditions.size(0)));
    const at::Tensor x =
        handle.model.sample(consecutive_keys(seed, begin, count), options).contiguous();
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
    diffuse::sample(*model, first, n, seed, diffuse::options_of(model->model, sampler, steps), out);
    return 0;
  });
}

int64_t diffuse_set_condition(diffuse_model* model, const char* path) {
  constexpr const char* kName = "diffuse_set_condition";
  return diffuse::guarded<int64_t>(-1, [&] {
    if (model == nullptr) throw diffuse::Error(kName, ": NULL argument");
    if (path != nullptr && *path == '\0')
      throw diffuse::Error(kName, ": the path is empty; NULL takes conditions away");
    return diffuse::set_conditions(
        *model, diffuse::load_conditions(path == nullptr ? "" : path, model->model, kName));
  });
}

int64_t diffuse_set_condition_numbers(diffuse_model* model, const float* numbers,
                                      const int64_t* shape, int dimensions) {
  constexpr const char* kName = "diffuse_set_condition_numbers";
  return diffuse::guarded<int64_t>(-1, [&] {
    if (model == nullptr || numbers == nullptr || shape == nullptr || dimensions < 1)
      throw diffuse::Error(kName, ": NULL argument or no dimensions");
    const std::vector<int64_t> sizes(shape, shape + dimensions);
    if (std::any_of(sizes.begin(), sizes.end(), [](int64_t size) { return size < 1; }))
      throw diffuse::Error(kName, ": expected a shape of positive numbers, got ",
                           c10::IntArrayRef(sizes));
    const at::Tensor array = at::from_blob(const_cast<float*>(numbers), sizes).clone();
    return diffuse::set_conditions(*model, diffuse::conditions_of(array, model->model, kName));
  });
}

const char* diffuse_last_error(void) { return diffuse::last_error.c_str(); }

void diffuse_free(diffuse_model* model) { delete model; }
