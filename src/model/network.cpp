#include "diffuse/model/network.h"

#include "diffuse/core/error.h"
#include "initializer.h"
#include "src/model/cpu_products.h"
#include "src/model/small_networks.h"
#include "unet.h"

namespace diffuse {

// Limits sizes so that their products fit in 64 bits.
static void check_sizes(const ModelConfig& config) {
  constexpr int64_t kMost = 1 << 25;
  for (size_t i = 0; i < config.sample_shape.size(); ++i)
    if (config.sample_shape[i] > kMost)
      throw Error("/model/sample_shape/", i, ": expected at most ", kMost, ", got ",
                  config.sample_shape[i]);
  for (const auto& [key, number] : {std::pair("classes", config.classes),
                                    {"condition_channels", config.condition_channels},
                                    {"condition_size", config.condition_size}})
    if (number > kMost) throw Error("/model/", key, ": expected at most ", kMost, ", got ", number);
}

std::shared_ptr<Network> make_network(const ModelConfig& config, bool learned_variance,
                                      const OracleView& view, uint64_t seed, at::Device device) {
  check_sizes(config);
  if (device.is_cpu()) cpu_products();  // refuse a bad choice before work is spent
  const Initializer init(seed, device);
  if (config.type == NetworkType::kUnet)
    return std::make_shared<UNet>(config, learned_variance, init);
  if (config.type == NetworkType::kMlp)
    return std::make_shared<Mlp>(config, learned_variance, init);
  if (learned_variance) {
    throw Error("/diffusion/variance: \"", config.type,
                "\" cannot learn a variance; use \"fixed_large\" ", "or \"fixed_small\"");
  }
  if (config.self_conditioning)
    throw Error("/model/self_conditioning: \"", config.type, "\" does not support it");
  if (config.condition_channels > 0 || config.condition_size > 0)
    throw Error("/condition/type: expected none, as ", config.type, " knows no condition");
  if (config.type == NetworkType::kMixtureOracle) return MixtureOracle::make(config, view);
  return std::make_shared<GaussianOracle>(config.variance, view);
}

int64_t parameter_count(const torch::nn::Module& module) {
  int64_t count = 0;
  for (const at::Tensor& parameter : module.parameters()) count += parameter.numel();
  return count;
}

}  // namespace diffuse
