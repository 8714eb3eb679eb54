// Samples on a GPU beside the CPU's.
#include "diffuse/arrays/checkpoint_file.h"
#include "diffuse/model_file/model.h"
#include "tests/gpu/gpu.h"
#include "tests/test_folder.h"
#include "tests/train/small_training.h"

namespace fs = std::filesystem;

namespace diffuse {
namespace {

class Sampling : public OnGpu {};

// A model.pt of a training on the GPU.
fs::path trained_on_gpu() {
  Config config = small_training();
  config.train.steps = 60;
  config.train.tf32 = Tf32::kOff;
  Trainer trainer(config, make_dataset(config.data, Split::kTrain, config.seed), gpu());
  for (int i = 0; i < fewer_if_emulated(60); ++i) trainer.update();
  const fs::path file = scratch("gpu_samples") / "model.pt";
  write_checkpoint_file(file, trainer.checkpoint());
  return file;
}

at::Tensor samples(const fs::path& file, c10::Device device, SamplerKind sampler, double guidance,
                   at::ScalarType precision) {
  const Model model = Model::load(file, true, device);
  SampleConfig config = model.config().sample;
  config.sampler = sampler;
  config.steps = fewer_if_emulated(sampler == SamplerKind::kDdpm ? 50 : 20);
  config.guidance = guidance;
  GenerateOptions options = model.options(config);
  options.labels = round_robin_labels(4, model.config().model.classes);
  options.precision = precision;
  return model.sample(consecutive_keys(3, 0, 4), options);
}

TEST_F(Sampling, SamplesOfACheckpointAreTheCpus) {
  const fs::path file = trained_on_gpu();
  using enum SamplerKind;
  for (const SamplerKind sampler : {kDdpm, kDdim, kDpmpp2m, kHeun})
    for (const double guidance : {1.0, 2.0}) {
      const at::Tensor expected = samples(file, at::kCPU, sampler, guidance, at::kFloat);
      EXPECT_LT(distance(samples(file, gpu(), sampler, guidance, at::kFloat), expected), 1e-3)
          << sampler << " " << guidance;
      EXPECT_LT(distance(samples(file, gpu(), sampler, guidance, at::kBFloat16), expected), 0.1)
          << sampler << " " << guidance;
    }
}

TEST_F(Sampling, ReplaysGiveTheBytesOfSingleKernels) {
  const Model model = Model::load(trained_on_gpu(), true, gpu());
  GenerateOptions options = model.options(model.config().sample);
  options.labels = round_robin_labels(4, model.config().model.classes);
  const auto keys = consecutive_keys(9, 0, 4);
  const CountedReplays replays;
  options.graphs = make_sample_graphs(gpu());
  const at::Tensor recorded = model.sample(keys, options);
  EXPECT_GT(replays.count(), 0);
  options.graphs = nullptr;
  EXPECT_TRUE(at::equal(model.sample(keys, options), recorded));
}

// Graphs share memory, those of a model that lives on and those of models that go.
TEST_F(Sampling, BetweenUpdatesChangesNeither) {
  const Model model = Model::load(trained_on_gpu(), true, gpu());
  const auto drawn = [&](const Model& from) {
    GenerateOptions options = from.options(from.config().sample);
    options.labels = round_robin_labels(4, from.config().model.classes);
    options.sampler.timesteps.resize(6);
    return from.sample(consecutive_keys(9, 0, 4), options);
  };
  const at::Tensor wanted = drawn(model);
  Config config = small_training();
  config.train.steps = 200;
  const auto data = make_dataset(config.data, Split::kTrain, config.seed);
  Trainer disturbed(config, data, gpu()), alone(config, data, gpu());
  for (int i = 0; i < 9; ++i) {
    disturbed.update();
    alone.update();
    if (i % 4 == 1) {
      EXPECT_TRUE(at::equal(drawn(model), wanted)) << i;
      EXPECT_TRUE(at::equal(drawn(Model::load(trained_on_gpu(), true, gpu())), wanted)) << i;
    }
  }
  const auto one = disturbed.network().parameters(), other = alone.network().parameters();
  for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(at::equal(one[i], other[i])) << i;
}

}  // namespace
}  // namespace diffuse
