#include "config_checks.h"

#include <set>

#include "diffuse/core/error.h"

namespace diffuse {

static void check_schedule(const DiffusionConfig& c, const std::string& at) {
  const bool listed = c.schedule == "betas";
  if (listed && c.betas.empty())
    throw Error(at, "/betas: expected a list of T numbers for the schedule \"betas\", got none");
  if (!listed && !c.betas.empty()) {
    throw Error(at, "/betas: expected no list with the schedule \"", c.schedule,
                "\"; use the schedule \"betas\"");
  }
  const auto count = static_cast<int64_t>(c.betas.size());
  if (listed && c.timesteps != count)
    throw Error(at, "/timesteps: expected ", count, ", the number of betas, got ", c.timesteps);

  static const std::set<std::string> rising{"linear", "quadratic", "warmup10", "warmup50",
                                            "sigmoid"};
  if (rising.contains(c.schedule) && c.beta_start > c.beta_end) {
    throw Error(at, "/beta_start: expected at most beta_end, which is ", c.beta_end, ", got ",
                c.beta_start);
  }
  if (c.rescale_zero_terminal_snr && c.prediction == "epsilon") {
    throw Error(at, "/prediction: expected x0, v or mu with rescale_zero_terminal_snr, got ",
                "\"epsilon\": at t = T the sample cannot be told from the noise");
  }
}

static void check_unet(const ModelConfig& c, const std::string& at) {
  // Group normalisation and the heads split the channels of every level evenly.
  if (c.channels % c.norm_groups != 0) {
    throw Error(at, "/channels: expected a multiple of norm_groups, which is ", c.norm_groups,
                ", got ", c.channels);
  }
  if (c.channels % c.attention_heads != 0) {
    throw Error(at, "/channels: expected a multiple of attention_heads, which is ",
                c.attention_heads, ", got ", c.channels);
  }
}

static void check_train(const TrainConfig& c, const std::string& at) {
  if (c.micro_batch > 0 && c.batch_size % c.micro_batch != 0) {
    throw Error(at, "/batch_size: expected a multiple of micro_batch, which is ", c.micro_batch,
                ", got ", c.batch_size);
  }
}

static void check_normalization(const Config& c, const std::string& name) {
  if (c.data.mean.size() != c.data.std.size())
    throw Error(name, ": /data/mean: expected as many numbers as in std, ", c.data.std.size(),
                ", got ", c.data.mean.size());
  if (!c.data.mean.empty() && !c.data.normalize)
    throw Error(name, ": /data/mean: expected none without normalize");
  if (c.data.normalize && c.sample.clip_x0)
    throw Error(name, ": /sample/clip_x0: expected false with /data/normalize: normalised data ",
                "are not in [-1, 1]");
}

void check_config(const Config& config, const std::string& name) {
  if (config.data.channels == 2) throw Error(name, ": /data/channels: expected 0, 1 or 3, got 2");
  check_normalization(config, name);
  check_schedule(config.diffusion, name + ": /diffusion");
  if (config.model.type == "unet") check_unet(config.model, name + ": /model");
  check_train(config.train, name + ": /train");
  if (config.sample.steps > config.diffusion.timesteps) {
    throw Error(name, ": /sample/steps: expected at most the ", config.diffusion.timesteps,
                " timesteps of /diffusion, got ", config.sample.steps);
  }
}

}  // namespace diffuse
