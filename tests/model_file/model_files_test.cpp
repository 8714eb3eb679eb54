#include "src/model_file/model_files.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "diffuse/config/config_json.h"
#include "diffuse/core/error.h"
#include "diffuse/diffusion/noise_schedule.h"
#include "src/arrays/safetensors.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// google/ddpm-cifar10-32, as published.
const char* const kCifarUnet = R"({
  "_class_name": "UNet2DModel", "_diffusers_version": "0.0.4", "act_fn": "silu",
  "attention_head_dim": null, "block_out_channels": [128, 256, 256, 256],
  "center_input_sample": false,
  "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
  "downsample_padding": 0, "flip_sin_to_cos": false, "freq_shift": 1, "in_channels": 3,
  "layers_per_block": 2, "mid_block_scale_factor": 1, "norm_eps": 1e-06, "norm_num_groups": 32,
  "out_channels": 3, "sample_size": 32, "time_embedding_type": "positional",
  "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"]})";
const char* const kCifarScheduler = R"({
  "_class_name": "DDPMScheduler", "_diffusers_version": "0.1.1", "beta_end": 0.02,
  "beta_schedule": "linear", "beta_start": 0.0001, "clip_sample": true,
  "num_train_timesteps": 1000, "trained_betas": null, "variance_type": "fixed_large"})";

json read_json(const fs::path& file) { return json::parse(std::ifstream(file)); }

// A model of 8 x 8 colour images with the config changed.
Checkpoint small_checkpoint(const std::function<void(Config&)>& change = [](Config&) {}) {
  Checkpoint checkpoint;
  checkpoint.file = "model.pt";
  checkpoint.step = 7;
  checkpoint.config.model.channels = 32;
  checkpoint.config.model.channel_multipliers = {1, 2};
  checkpoint.config.model.attention_resolutions = {8};
  checkpoint.config.model.sample_shape = {3, 8, 8};
  checkpoint.config.model.sample_kind = SampleKind::kImage;
  change(checkpoint.config);
  return checkpoint;
}

std::string export_error(const std::function<void(Config&)>& change) {
  const TestFolder folder;
  const std::string message =
      message_of([&] { write_diffusers_model(folder.path(), small_checkpoint(change), {}); });
  EXPECT_TRUE(fs::is_empty(folder.path())) << message;
  return message;
}

TEST(DiffusersModel, WritesHosCifarModelAsItIsPublished) {
  const TestFolder folder;
  Checkpoint checkpoint;
  checkpoint.config = load_config("configs/cifar.json");
  checkpoint.config.model.sample_shape = {3, 32, 32};
  write_diffusers_model(folder.path(), checkpoint, {});
  const json unet = read_json(folder.path() / "config.json");
  const json scheduler = read_json(folder.path() / "scheduler_config.json");
  json published = json::parse(kCifarUnet), published_scheduler = json::parse(kCifarScheduler);
  published.erase("_diffusers_version");
  published_scheduler.erase("_diffusers_version");
  for (const auto& [key, value] : published.items()) EXPECT_EQ(unet.at(key), value) << key;
  for (const auto& [key, value] : published_scheduler.items())
    EXPECT_EQ(scheduler.at(key), value) << key;
  EXPECT_EQ(unet.at("dropout"), 0.1);
}

TEST(DiffusersModel, ReadsHosCifarModelAsItIsPublished) {
  const TestFolder folder;
  write_file(folder.path() / "config.json", kCifarUnet);
  write_file(folder.path() / "scheduler_config.json", kCifarScheduler);
  write_safetensors(folder.path() / "diffusion_pytorch_model.safetensors", {});
  const Config config = load_model_file(folder.path()).config;
  Config expected;  // the defaults are that model's, but for the dropout that they leave out
  expected.model.dropout = 0;
  expected.sample.ddim_epsilon = DdimEpsilon::kNetwork;
  expected.model.sample_shape = {3, 32, 32};
  expected.model.sample_kind = SampleKind::kImage;
  EXPECT_EQ(config_to_json(config), config_to_json(expected));
  const auto network = make_network(config.model, false, {}, 0);
  EXPECT_EQ(parameter_count(*network), 35'746'307);
  EXPECT_EQ(network->named_parameters().size(), 328u);
}

// The config that a folder with this scheduler is read as.
Config config_with_scheduler(const std::string& scheduler) {
  const TestFolder folder;
  write_file(folder.path() / "config.json", kCifarUnet);
  write_file(folder.path() / "scheduler_config.json", scheduler);
  write_safetensors(folder.path() / "diffusion_pytorch_model.safetensors", {});
  return load_model_file(folder.path()).config;
}

// Python's json writes Infinity; the other values are the class's own.
TEST(DiffusersModel, ReadsASolversSettings) {
  const Config config = config_with_scheduler(R"({"_class_name": "DPMSolverMultistepScheduler",
      "lambda_min_clipped": -Infinity, "variance_type": null, "solver_order": 2,
      "timestep_spacing": "linspace", "_name": "a \"NaN"})");
  EXPECT_EQ(config.sample.sampler, SamplerKind::kDpmpp2m);
  EXPECT_EQ(config.sample.spacing, Spacing::kUniform);
  EXPECT_TRUE(config.sample.skip_zero);
  EXPECT_FALSE(config.sample.clip_x0);
  EXPECT_EQ(config.diffusion.variance, VarianceKind::kFixedSmall);
}

TEST(DiffusersModel, ReadsUniPc) {
  const auto read = [](const std::string& fields) {
    return config_with_scheduler(R"({"_class_name": "UniPCMultistepScheduler")" + fields + "}");
  };
  const Config plain = read("");
  EXPECT_EQ(plain.sample.sampler, SamplerKind::kUnipc);
  EXPECT_EQ(plain.sample.unipc_order, 2);
  EXPECT_EQ(plain.sample.spacing, Spacing::kUniform);
  EXPECT_TRUE(plain.sample.skip_zero);
  EXPECT_FALSE(plain.sample.clip_x0);
  const Config other = read(R"(, "solver_order": 3, "solver_type": "midpoint", "solver_p": null,
      "timestep_spacing": "leading", "steps_offset": 1, "prediction_type": "v_prediction",
      "disable_corrector": [], "thresholding": true, "sample_max_value": 2.0)");
  EXPECT_EQ(other.sample.unipc_order, 3);
  EXPECT_EQ(other.sample.spacing, Spacing::kLeading);
  EXPECT_EQ(other.sample.steps_offset, 1);
  EXPECT_EQ(other.diffusion.prediction, PredictionKind::kV);
  EXPECT_EQ(other.sample.dynamic_threshold_max, 2);
}

TEST(DiffusersModel, RefusesWhatOurUniPcDoesNotDo) {
  for (const auto& [field, wanted] :
       {std::pair(R"("solver_order": 1)", "/solver_order: expected "),
        std::pair(R"("solver_type": "bh1")", "/solver_type: expected "),
        std::pair(R"("predict_x0": false)", "/predict_x0: expected true ("),
        std::pair(R"("lower_order_final": false)", "/lower_order_final: expected true ("),
        std::pair(R"("disable_corrector": [0])", "/disable_corrector: expected [], got [0]"),
        std::pair(R"("solver_p": {})", "/solver_p: expected null, got {}")}) {
    const std::string said = message_of([&] {
      config_with_scheduler(concat(R"({"_class_name": "UniPCMultistepScheduler", )", field, "}"));
    });
    EXPECT_NE(said.find(wanted), std::string::npos) << said;
  }
}

TEST(DiffusersModel, ReadsHowDdimIsSampled) {
  const Config config = config_with_scheduler(R"({"_class_name": "DDIMScheduler",
      "prediction_type": "v_prediction", "rescale_betas_zero_snr": true, "steps_offset": 1,
      "set_alpha_to_one": false, "clip_sample_range": 2.5, "thresholding": true,
      "dynamic_thresholding_ratio": 0.9, "sample_max_value": 1.5})");
  EXPECT_EQ(config.sample.ddim_epsilon, DdimEpsilon::kNetwork);
  EXPECT_EQ(config.sample.steps_offset, 1);
  EXPECT_FALSE(config.sample.end_at_data);
  EXPECT_EQ(config.sample.clip_range, 2.5);
  EXPECT_EQ(config.sample.dynamic_threshold, 0.9);
  EXPECT_EQ(config.sample.dynamic_threshold_max, 1.5);
  EXPECT_EQ(config.diffusion.loss, LossKind::kMse);
}

// diffusers 0.42: betas_for_alpha_bar(4, alpha_transform_type=...).
TEST(DiffusersModel, ReadsSchedulesThatAreGivenByAFunction) {
  const auto betas = [](const std::string& name) {
    return config_with_scheduler(R"({"num_train_timesteps": 4, "beta_schedule": ")" + name + "\"}")
        .diffusion.betas;
  };
  const std::vector<double> laplace{0.234251, 0.0761204, 0.0898199, 0.95089},
      exponential{0.950213, 0.950213, 0.950213, 0.950213};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(betas("laplace").at(i), laplace[i], 1e-6);
    EXPECT_NEAR(betas("exp").at(i), exponential[i], 1e-6);
  }
}

TEST(DiffusersModel, CarriesHowItIsSampled) {
  const TestFolder folder;
  const Checkpoint written = small_checkpoint([](Config& config) {
    config.sample = {.sampler = SamplerKind::kDpmpp2m,
                     .steps_offset = 1,
                     .skip_zero = true,
                     .clip_range = 2,
                     .dynamic_threshold = 0.9,
                     .ddim_epsilon = DdimEpsilon::kNetwork,
                     .end_at_data = false};
  });
  write_diffusers_model(folder.path(), written, {});
  EXPECT_EQ(config_to_json(load_model_file(folder.path()).config), config_to_json(written.config));
}

TEST(DiffusersModel, CarriesStepAndTraining) {
  const TestFolder folder;
  const Checkpoint written = small_checkpoint([](Config& config) {
    config.train.learning_rate = 3e-5;
    config.sample.sampler = SamplerKind::kDdim;
    config.diffusion.schedule = ScheduleKind::kCosine;
  });
  write_diffusers_model(folder.path(), written, {});
  const Checkpoint read = load_model_file(folder.path());
  EXPECT_EQ(read.step, 7);
  EXPECT_EQ(config_to_json(read.config), config_to_json(written.config));
}

// A schedule without a name there goes as its table.
TEST(DiffusersModel, CarriesAnySchedule) {
  const TestFolder folder;
  const Checkpoint written = small_checkpoint([](Config& config) {
    config.diffusion.schedule = ScheduleKind::kWarmup50;
    config.diffusion.timesteps = 10;
  });
  write_diffusers_model(folder.path(), written, {});
  const Config read = load_model_file(folder.path()).config;
  EXPECT_EQ(read.diffusion.schedule, ScheduleKind::kBetas);
  EXPECT_TRUE(at::equal(NoiseSchedule::make(read.diffusion).beta(),
                        NoiseSchedule::make(written.config.diffusion).beta()));
}

// The row for "no class" is kept where training used it.
TEST(DiffusersModel, ExportsTheNoClassRowThatWasTrained) {
  const at::Tensor rows = at::arange(8.0).reshape({4, 2});
  for (const double dropout : {0.0, 0.1}) {
    const TestFolder folder;
    const Checkpoint written = small_checkpoint([&](Config& config) {
      config.model.classes = 3;
      config.model.class_conditional = true;
      config.train.label_dropout = dropout;
    });
    write_diffusers_model(folder.path(), written, {{"class_embedding.weight", rows}});
    EXPECT_EQ(read_json(folder.path() / "config.json")["num_class_embeds"], dropout > 0 ? 4 : 3);
    const Checkpoint read = load_model_file(folder.path());
    EXPECT_EQ(read.config.model.classes, 3);
    const auto& back = std::get<at::Tensor>(section(read, "ema").at(0).second.data);
    const at::Tensor last = dropout > 0 ? rows[3] : at::zeros({2});
    EXPECT_TRUE(at::equal(back, at::cat({rows.slice(0, 0, 3), last.unsqueeze(0)})));
  }
}

TEST(DiffusersModel, ExportsHeadsByTheirSize) {
  const auto head_dim = [](const std::function<void(Config&)>& change) {
    const TestFolder folder;
    write_diffusers_model(folder.path(), small_checkpoint(change), {});
    return read_json(folder.path() / "config.json")["attention_head_dim"];
  };
  EXPECT_EQ(head_dim([](Config&) {}), nullptr);
  EXPECT_EQ(head_dim([](Config& config) { config.model.attention_head_dim = 8; }), 8);
  EXPECT_EQ(head_dim([](Config& config) {
              config.model.attention_heads = 4;
              config.model.attention_resolutions = {4};  // 64 channels, as the middle
            }),
            16);
}

TEST(DiffusersModel, RefusesWhatHasNoCounterpart) {
  const std::string unet = "; diffusers' UNet2DModel has no counterpart";
  EXPECT_EQ(export_error([](Config& c) { c.model.type = NetworkType::kMlp; }),
            "model.pt: /model/type: \"mlp\"" + unet);
  EXPECT_EQ(export_error([](Config& c) {
              c.model.sample_shape = {3, 8};
            }),
            "model.pt: /model/sample_shape: a signal's" + unet);
  EXPECT_EQ(export_error([](Config& c) { c.model.patch_size = 2; }),
            "model.pt: /model/patch_size: 2" + unet);
  EXPECT_EQ(export_error([](Config& c) {
              c.model.channel_multipliers = {2, 2};
            }),
            "model.pt: /model/channel_multipliers/0: 2" + unet);
  EXPECT_EQ(export_error([](Config& c) { c.model.time_scale = 0.25; }),
            "model.pt: /model/time_scale: 0.25" + unet);
  EXPECT_EQ(export_error([](Config& c) { c.model.mid_attention_norm = false; }),
            "model.pt: /model/mid_attention_norm: false without scale_shift_norm" + unet);
  EXPECT_EQ(export_error([](Config& c) { c.model.attention_heads = 4; }),
            "model.pt: /model/attention_heads: 4 at levels of different channels; diffusers' "
            "UNet2DModel has heads of one size");
  EXPECT_EQ(export_error([](Config& c) { c.diffusion.prediction = PredictionKind::kMu; }),
            "model.pt: /diffusion/prediction: \"mu\"; diffusers' schedulers have no counterpart");
}

TEST(DiffusersModel, RefusesWhatCannotBeCounted) {
  const TestFolder folder;
  Checkpoint written = small_checkpoint();
  written.step = std::numeric_limits<int64_t>::max();
  write_diffusers_model(folder.path(), written, {});
  EXPECT_EQ(message_of([&] { load_model_file(folder.path()); }),
            (folder.path() / "diffusion_pytorch_model.safetensors").string() +
                ": /train/batch_size: 128 samples in each of 9223372036854775807 steps "
                "overflow the sample count");

  json unet = json::parse(kCifarUnet);
  unet["block_out_channels"] = std::vector<int>(70, 32);
  unet["down_block_types"] = std::vector<std::string>(70, "AttnDownBlock2D");
  unet["up_block_types"] = std::vector<std::string>(70, "AttnUpBlock2D");
  write_file(folder.path() / "config.json", unet.dump());
  EXPECT_TRUE(
      message_of([&] { load_model_file(folder.path()); })
          .starts_with((folder.path() / "config.json").string() +
                       ": /block_out_channels: expected 1 to 8 positive integers, got [32,"));
}

// A config may ask for terabytes beside a file of a few bytes.
TEST(DiffusersModel, ComparesShapesBeforeTheNetworkIsBuilt) {
  const TestFolder folder;
  json unet = json::parse(kCifarUnet);
  unet["block_out_channels"] = std::vector<int>(4, 8192);
  unet["num_class_embeds"] = 10'000'000;
  write_file(folder.path() / "config.json", unet.dump());
  const fs::path weights = folder.path() / "diffusion_pytorch_model.safetensors";
  write_safetensors(weights, {});
  const Checkpoint checkpoint = load_model_file(folder.path());
  EXPECT_TRUE(message_of([&] {
                load_network(checkpoint, true);
              }).starts_with(weights.string() + ": \"ema\" does not fit the configured network ("));
}

std::string state_dict_error(const ValueDict& tensors) {
  return message_of([&] { read_state_dict("x.pt", Value{tensors}, {.image_size = 32}); });
}

TEST(StateDict, RefusesNamesThatNoModelHas) {
  const Value tensor{at::ones({1})};
  ValueDict dict{{"input_blocks.0.0.weight", tensor},
                 {"attentions." + std::string(1'000'000, '0'), tensor}};
  EXPECT_EQ(state_dict_error(dict), "x.pt: a tensor's name of 1000011 bytes, attentions." +
                                        std::string(189, '0') + "; expected at most 200");
  dict.pop_back();
  for (int i = 0; i < 10'000; ++i) dict.emplace_back(std::to_string(i), tensor);
  EXPECT_EQ(state_dict_error(dict), "x.pt: a state dict of 10001 tensors; expected at most 10000");
  EXPECT_EQ(
      state_dict_error({{"a\nb", tensor}}),
      "x.pt: a state dict in an unknown layout (known: Ho et al.'s and improved-diffusion's); "
      "its first tensor is a?b");
}

TEST(StateDict, RefusesMoreLevelsThanAUNetHas) {
  ValueDict dict{{"temb.dense.0.weight", {at::ones({1})}},
                 {"conv_in.weight", {at::ones({4, 3, 3, 3})}}};
  for (int i = 0; i < 70; ++i) {
    dict.emplace_back(concat("down.", i, ".block.0.conv1.weight"), Value{at::ones({4, 4, 3, 3})});
    dict.emplace_back(concat("down.", i, ".attn.0.norm.weight"), Value{at::ones({4})});
  }
  EXPECT_EQ(state_dict_error(dict), "x.pt: more than 8 levels; our UNet has no more");
}

TEST(DiffusersModel, NamesPointersOfGitLfs) {
  const TestFolder folder;
  const fs::path weights = folder.path() / "diffusion_pytorch_model.safetensors";
  write_file(folder.path() / "config.json", kCifarUnet);
  write_file(weights, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n");
  EXPECT_EQ(
      message_of([&] { load_model_file(folder.path(), {}); }),
      weights.string() + ": a Git LFS pointer, not the weights; run `git lfs pull` in this folder");
}

TEST(DiffusersModel, WantsTheConfigBesideTheWeights) {
  const TestFolder folder;
  const fs::path file = folder.path() / "lone.safetensors";
  write_safetensors(file, {});
  EXPECT_THROW(load_model_file(file), Error);
  write_file(folder.path() / "config.json", kCifarUnet);
  EXPECT_EQ(load_model_file(file).config.diffusion.variance,
            VarianceKind::kFixedSmall);  // DDPMScheduler()'s
  EXPECT_THROW(load_model_file(file, {.image_size = 32}), Error);
}

}  // namespace
}  // namespace diffuse
