#include "diffuse/model_file/model.h"

#include <ATen/ATen.h>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "diffuse/data/dataset.h"
#include "src/config/in_config.h"
#include "src/data/normalization.h"
#include "src/files/file.h"
#include "src/model_file/model_files.h"
#include "src/model_file/snapshots.h"
#include "src/sample/oracle_view.h"

namespace fs = std::filesystem;

namespace diffuse {

bool is_oracle(const fs::path& path) {
  return ending_of(path) == ".json" && !is_diffusers_model(path);
}

// The config of an oracle, with the shape and kind of its data's samples.
static Config oracle_config(const fs::path& file) {
  Config config = load_config(file);
  if (config.model.type != NetworkType::kGaussianOracle &&
      config.model.type != NetworkType::kMixtureOracle)
    throw Error(file.string(), ": /model/type: a config can replace a checkpoint only if it is ",
                "gaussian_oracle or mixture_oracle, got \"", config.model.type,
                "\"; train it first");
  const auto data = make_dataset(config.data, Split::kHeldOut, config.seed);
  config.data = with_normalization(config.data, *data);
  config.model = with_samples_of(config.model, *data);
  return config;
}

static std::shared_ptr<Network> exact_network(const fs::path& file, const Config& config) {
  return in_config(file, [&] {
    return make_network(config.model, config.diffusion.learns_variance(),
                        oracle_view(GaussianDiffusion(config.diffusion)), 0);
  });
}

Model::Model(std::string name, Config config, std::shared_ptr<Network> network, c10::Device device)
    : name_(std::move(name)),
      config_(std::move(config)),
      network_(std::move(network)),
      diffusion_(
          std::make_shared<GaussianDiffusion>(config_.diffusion, sample_kind(config_.model))),
      device_(device),
      graphs_(config_.train.cuda_graph == CudaGraph::kAuto ? make_sample_graphs(device) : nullptr) {
}

static Model ready(const std::string& name, Config config, std::shared_ptr<Network> network,
                   c10::Device device) {
  network->to(device);
  network->eval();
  if (!is_image(sample_kind(config.model))) config.sample.clip_x0 = false;
  return Model(name, std::move(config), std::move(network), device);
}

Model Model::load(const fs::path& path, bool use_ema, c10::Device device) {
  if (is_oracle(path)) {
    const Config config = oracle_config(path);
    Model model = ready(path.string(), config, exact_network(path, config), device);
    model.weights_ = "exact";
    return model;
  }
  const Checkpoint checkpoint = load_model_file(
      path, {.use_ema = use_ema, .unread = sections_except(use_ema ? "ema" : "model")});
  const std::string weights = used_weights(checkpoint, use_ema);
  Model model = of(checkpoint, use_ema, device);
  model.weights_ = weights;
  return model;
}

Model Model::load_averaged(const fs::path& path, double width, c10::Device device) {
  return of(diffuse::load_averaged(path, width), /*use_ema=*/true, device);
}

Model Model::of(const Checkpoint& checkpoint, bool use_ema, c10::Device device) {
  Model model =
      ready(checkpoint.file.string(), checkpoint.config, load_network(checkpoint, use_ema), device);
  model.step_ = checkpoint.step;
  if (use_ema) model.weights_ = "ema";
  return model;
}

at::Tensor Model::to_data(const at::Tensor& x) const { return to_data_units(x, config_.data); }

at::Tensor Model::to_network(const at::Tensor& x) const {
  return to_network_units(x, config_.data);
}

GenerateOptions Model::options(const SampleConfig& config, SamplerOptions sampler) const {
  return {.sampler = std::move(sampler),
          .shape = sample_shape(),
          .classes = config_.model.classes,
          .condition_config = config_.condition,
          .drops_labels = config_.train.label_dropout > 0 || !config_.condition.is_dropped(),
          .drops_condition = config_.condition.is_dropped(),
          .guidance = config.guidance,
          .guidance_interval = config.guidance_interval,
          .device = device_,
          .graphs = graphs_};
}

GenerateOptions Model::options(const SampleConfig& config) const {
  return options(config,
                 in_config(name_, [&] { return sampler_options(config, config_.diffusion); }));
}

GenerateOptions Model::options(const SampleConfig& config, std::vector<double> timesteps) const {
  return options(config, in_config(name_, [&] {
                   return sampler_options(config, config_.diffusion, std::move(timesteps));
                 }));
}

void Model::check_unconditional() const {
  const ConditionConfig& condition = config_.condition;
  if (condition.is_on() && !condition.is_dropped())
    throw Error(
        name_, ": this model is conditioned on \"", condition.type,
        "\" and was not trained without (/condition/dropout 0), but no condition is given; ",
        "`diffuse sample --condition` or diffuse_set_condition() gives one");
}

// What sampling with these options needs besides what check_sampler() checks.
void Model::check_given(const GenerateOptions& options) const {
  if (options.condition.defined()) return;
  check_unconditional();
  const bool by_labels = options.labels.defined() && options.drops_labels;
  const bool guides = options.guidance != 1 && !options.guide && !by_labels;
  if (config_.condition.is_on() && guides)
    throw Error("/sample/guidance: expected 1, as ", name_, " is given no condition to follow");
}

Denoiser Model::denoiser(const GenerateOptions& options) const {
  check_given(options);
  return make_denoiser(*network_, *diffusion_, options);
}

at::Tensor Model::sample(std::span<const StreamKey> keys, GenerateOptions options,
                         const StepCallback& callback) const {
  check_given(options);
  if (options.from.defined()) options.from = to_network(options.from);
  return to_data(generate(*network_, *diffusion_, keys, options, callback).to(at::kCPU));
}

}  // namespace diffuse
