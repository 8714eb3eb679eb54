#include "diffuse/model_file/checkpoint.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

#include <cstdlib>

#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {

static ValueDict whole() {
  return {{"format", Value{std::string("diffuse")}},
          {"version", Value{int64_t{1}}},
          {"config", Value{std::string("{}")}},
          {"step", Value{int64_t{7}}},
          {"model", Value{ValueDict{{"a", Value{at::ones({2})}}, {"b", Value{at::ones({3})}}}}}};
}

// `whole` with another value under a key; without it where the value is null.
static ValueDict with(const std::string& key, const Value& value) {
  ValueDict dict = whole();
  std::erase_if(dict, [&](const auto& entry) { return entry.first == key; });
  if (!std::holds_alternative<std::monostate>(value.data)) dict.emplace_back(key, value);
  return dict;
}

TEST(Checkpoint, IsReadWhole) {
  const Checkpoint checkpoint = parse_checkpoint("x.pt", whole());
  EXPECT_EQ(checkpoint.step, 7);
  EXPECT_EQ(checkpoint.config.train.steps, Config{}.train.steps);
  const auto tensors =
      section_tensors(checkpoint, "model", {{"b", at::empty({3})}, {"a", at::empty({2})}});
  EXPECT_EQ(tensors[0].numel(), 3);
  EXPECT_EQ(tensors[1].numel(), 2);
}

TEST(Checkpoint, NamesTheFileAndWhatIsWrong) {
  const auto refused = [](const std::string& key, const Value& value) {
    return message_of([&] { parse_checkpoint("x.pt", with(key, value)); });
  };
  EXPECT_EQ(refused("format", {}),
            "x.pt: expected the text \"diffuse\" under \"format\", got none");
  EXPECT_EQ(refused("format", {std::string("other")}), "x.pt: not a diffuse checkpoint");
  EXPECT_EQ(refused("version", {int64_t{2}}),
            "x.pt: checkpoint version 2; this program reads version 1");
  EXPECT_EQ(refused("version", {1.0}),
            "x.pt: expected an integer under \"version\", got another type");
  EXPECT_EQ(refused("config", {std::string("{\"seed\": -1}")}),
            "x.pt: /seed: expected an integer >= 0, got -1");
  EXPECT_EQ(refused("step", {}), "x.pt: expected an integer under \"step\", got none");
}

TEST(Checkpoint, ListsHowTensorsDifferFromTheNetworks) {
  const Checkpoint checkpoint = parse_checkpoint("x.pt", whole());
  EXPECT_EQ(message_of([&] { section_tensors(checkpoint, "ema", {}); }),
            "x.pt: expected a dict under \"ema\", got none");
  EXPECT_EQ(message_of([&] {
              section_tensors(checkpoint, "model", {{"a", at::empty({4})}, {"c", at::empty({1})}});
            }),
            "x.pt: \"model\" does not fit the configured network (3 differences): a is [2], "
            "expected [4]; c is missing; b is not part of the network");
}

TEST(Checkpoint, NamesOnOneLine) {
  const Value tensor{at::ones({1})};
  const Checkpoint checkpoint = parse_checkpoint(
      "x.pt", with("ema", {ValueDict{{"a\nb\x1b", tensor}, {std::string(300, 'c'), tensor}}}));
  EXPECT_EQ(
      message_of([&] { section_tensors(checkpoint, "ema", {}); }),
      "x.pt: \"ema\" does not fit the configured network (2 differences): a?b? is not part of "
      "the network; " +
          std::string(200, 'c') + " is not part of the network");
}

// 17 GB a matrix, were it built.
TEST(Checkpoint, ComparesShapesBeforeTheNetworkIsBuilt) {
  const auto refused = [](const std::string& model) {
    const Checkpoint checkpoint =
        parse_checkpoint("x.pt", with("config", {"{\"model\": {" + model + "}}"}));
    return message_of([&] { load_network(checkpoint, false); });
  };
  EXPECT_EQ(refused(R"("type": "mlp", "hidden": 65536, "layers": 1024, "sample_shape": [2])"),
            "x.pt: \"model\" does not fit the configured network (4106 differences): input.weight "
            "is missing; input.bias is missing; time_embedding.linear_1.weight is missing; "
            "time_embedding.linear_1.bias is missing; time_embedding.linear_2.weight is missing");
  EXPECT_TRUE(refused(R"("channels": 8192, "channel_multipliers": [64, 64, 64], "classes": 9999999,
                         "attention_resolutions": [16], "sample_shape": [3, 32, 32])")
                  .starts_with("x.pt: \"model\" does not fit the configured network"));
}

TEST(Checkpoint, RefusesSizesBeyondCounting) {
  const auto refused = [](const std::string& model) {
    const Checkpoint checkpoint =
        parse_checkpoint("x.pt", with("config", {"{\"model\": {" + model + "}}"}));
    return message_of([&] { load_network(checkpoint, false); });
  };
  EXPECT_EQ(refused(R"("type": "mlp", "sample_shape": [9000000000000000000])"),
            "x.pt: /model/sample_shape/0: expected at most 33554432, got 9000000000000000000");
  EXPECT_EQ(refused(R"("type": "mlp", "sample_shape": [2], "classes": 9223372036854775807)"),
            "x.pt: /model/classes: expected at most 33554432, got 9223372036854775807");
  // The largest of all.
  EXPECT_TRUE(refused(R"("channels": 8192, "channel_multipliers": [64, 64, 64, 64, 64, 64, 64, 64],
                         "blocks_per_level": 16, "patch_size": 64, "attention_resolutions": [128],
                         "classes": 33554432, "sample_shape": [33554432, 16384, 16384]}, )"
                      R"("diffusion": {"variance": "learned", "loss": "hybrid")")
                  .starts_with("x.pt: \"model\" does not fit the configured network"));
}

// Sections of a network and of a module that is trained beside it, as a training writes them.
static ValueDict with_schedule(const NamedTensors& weights, const NamedTensors& averages) {
  ValueDict root = whole();
  add_section(root, section_path("schedule", "model"), weights);
  add_section(root, section_path("schedule", "ema"), averages);
  return root;
}

static NamedTensors named(double weight, double bias) {
  return {{"weight", at::full({1, 3}, weight, at::kFloat)},
          {"bias", at::full({1}, bias, at::kFloat)}};
}

TEST(Checkpoint, HoldsTheNetworkAtTheTopAndFurtherModulesByName) {
  EXPECT_EQ(section_path(kNetwork, "ema"), "ema");
  EXPECT_EQ(section_path("schedule", "ema"), "modules/schedule/ema");
  const TestFolder folder;
  write_checkpoint_file(folder.path() / "model.pt", with_schedule(named(1, 2), named(3, 4)));
  const Checkpoint checkpoint = load_checkpoint(folder.path());
  torch::nn::Linear schedule(3, 1);
  load_module(checkpoint, "schedule", /*use_ema=*/false, *schedule);
  EXPECT_TRUE(at::equal(schedule->weight, at::full({1, 3}, 1.0F)));
  EXPECT_EQ(schedule->bias.item<float>(), 2);
  load_module(checkpoint, "schedule", /*use_ema=*/true, *schedule);
  EXPECT_TRUE(at::equal(schedule->weight, at::full({1, 3}, 3.0F)));
  EXPECT_EQ(schedule->bias.item<float>(), 4);
  EXPECT_EQ(section(checkpoint, "model").size(), 2u);
}

TEST(Checkpoint, NamesTheModuleThatItLacks) {
  const Checkpoint checkpoint =
      parse_checkpoint("x.pt", with_schedule(named(1, 2), {{"weight", at::ones({1, 3})}}));
  torch::nn::Linear module(3, 1);
  const auto refused = [&](const char* name, bool use_ema) {
    return message_of([&] { load_module(checkpoint, name, use_ema, *module); });
  };
  EXPECT_EQ(refused("autoencoder", false),
            "x.pt: expected a dict under \"modules/autoencoder\", got none");
  EXPECT_EQ(
      refused("schedule", true),
      "x.pt: \"modules/schedule/ema\" does not fit the configured network (1 difference): bias "
      "is missing");
  EXPECT_EQ(message_of([&] {
              section(parse_checkpoint("x.pt", with("modules", {int64_t{1}})), "modules/a/model");
            }),
            "x.pt: expected a dict under \"modules\", got another type");
}

TEST(Checkpoint, OfSeveralModulesIsAPlainDictInPython) {
  const char* const python = std::getenv("DIFFUSE_PYTHON");
  if (python == nullptr || std::system(concat(python, " -c 'import torch'").c_str()) != 0)
    GTEST_SKIP() << "wants a Python with torch in DIFFUSE_PYTHON";
  const TestFolder folder;
  const std::string file = (folder.path() / "model.pt").string();
  write_checkpoint_file(file, with_schedule(named(1, 2), named(3, 4)));
  const std::string program =
      "import torch; c = torch.load(\"" + file +
      "\", weights_only=True); s = c[\"modules\"][\"schedule\"]; "
      "assert list(c) == [\"format\", \"version\", \"config\", \"step\", \"model\", \"modules\"]; "
      "assert list(s) == [\"model\", \"ema\"]; "
      "assert s[\"model\"][\"weight\"].tolist() == [[1, 1, 1]]; "
      "assert s[\"ema\"][\"bias\"].tolist() == [4]";
  EXPECT_EQ(std::system(concat(python, " -c '", program, "'").c_str()), 0);
}

}  // namespace diffuse
