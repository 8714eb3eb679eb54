#include "src/model_file/guide.h"

#include <nlohmann/json.hpp>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"

namespace diffuse {

using nlohmann::json;

// What must be equal for outputs to be mixed; the training may differ.
static json formulation(const Model& model) {
  const Config& config = model.config();
  json diffusion = json::parse(config_to_json(config)).at("diffusion");
  for (const char* const of_training :
       {"loss", "hybrid_lambda", "min_snr_gamma", "timestep_sampler", "log_normal_mean",
        "log_normal_std", "logit_normal_mean", "logit_normal_std", "loss_weighting"})
    diffusion.erase(of_training);
  return {{"model",
           {{"sample_shape", config.model.sample_shape},
            {"self_conditioning", config.model.self_conditioning}}},
          {"data", {{"mean", config.data.mean}, {"std", config.data.std}}},
          {"diffusion", diffusion}};
}

// How the numbers are made that a network is given as its condition; which of them training hid may differ.
static json condition_units(const Model& model) {
  json condition = json::parse(config_to_json(model.config())).at("condition");
  for (const char* const of_training : {"mask", "share", "horizon", "path", "array", "dropout"})
    condition.erase(of_training);
  return condition;
}

std::shared_ptr<Network> load_guide(const std::filesystem::path& path, const Model& model) {
  const auto guide = std::make_shared<Model>(Model::load(path, /*use_ema=*/true, model.device()));
  const auto refuse = [&](const std::string& key, const json& theirs, const json& ours) {
    throw Error("--guide ", path.string(), ": expected a model of the same kind as ", model.name(),
                ": ", key, " is ", theirs.dump(), " there and ", ours.dump(), " here");
  };
  const auto compare = [&](const json& ours, const json& theirs) {
    for (const auto& change : json::diff(ours, theirs)) {
      const json::json_pointer place(change.at("path").get<std::string>());
      const auto value = [&](const json& all) {
        return all.contains(place) ? all.at(place) : json();
      };
      refuse(place.to_string(), value(theirs), value(ours));
    }
  };
  compare(formulation(model), formulation(*guide));
  const ModelConfig &here = model.config().model, &there = guide->config().model;
  for (const auto& [key, number] : {std::pair("classes", &ModelConfig::classes),
                                    {"condition_channels", &ModelConfig::condition_channels},
                                    {"condition_size", &ModelConfig::condition_size}})
    if (there.*number != 0 && there.*number != here.*number)
      refuse(concat("/model/", key), there.*number, here.*number);
  if (guide->config().condition.is_on())
    compare({{"condition", condition_units(model)}}, {{"condition", condition_units(*guide)}});
  return {guide, &guide->network()};
}

}  // namespace diffuse
