// Trainings on a GPU: repeated, resumed, recorded, and beside the CPU's.
#include <c10/core/CachingDeviceAllocator.h>

#include <algorithm>

#include "diffuse/arrays/checkpoint_file.h"
#include "src/core/step_graph.h"
#include "src/train/resume.h"
#include "tests/gpu/gpu.h"
#include "tests/test_folder.h"
#include "tests/train/small_training.h"

namespace fs = std::filesystem;

namespace diffuse {
namespace {

class Training : public OnGpu {};

Trainer trainer_on(c10::Device device, const Config& config) {
  return Trainer(config, make_dataset(config.data, Split::kTrain, config.seed), device);
}

// Without printing them.
void expect_same(const std::string& bytes, const std::string& wanted) {
  EXPECT_EQ(bytes.size(), wanted.size());
  const auto [one, other] = std::mismatch(bytes.begin(), bytes.end(), wanted.begin(), wanted.end());
  EXPECT_TRUE(one == bytes.end()) << "from byte " << one - bytes.begin() << " on";
}

std::string bytes_of(const Trainer& trainer) {
  const fs::path file = scratch("gpu_bytes") / "model.pt";
  write_checkpoint_file(file, trainer.checkpoint());
  return contents(file);
}

std::string bytes_after(const Config& config, int updates) {
  Trainer trainer = trainer_on(gpu(), config);
  for (int i = 0; i < updates; ++i) trainer.update();
  return bytes_of(trainer);
}

Config long_training() {
  Config config = small_training();
  config.train.steps = 200;
  config.train.tf32 = Tf32::kOff;
  return config;
}

// Of the same config, whose text is in the checkpoint: what is compared is all but that.
TEST_F(Training, AHundredReplaysGiveTheBytesOfSingleKernels) {
  using enum Precision;
  for (const Precision precision : {kFp32, kBf16, kFp16}) {
    Config config = long_training();
    config.train.precision = precision;
    const CountedReplays replays;
    Trainer graphs = trainer_on(gpu(), config);
    config.train.cuda_graph = CudaGraph::kOff;
    Trainer eager = trainer_on(gpu(), config);
    const int count = fewer_if_emulated(100);
    for (int i = 0; i < count; ++i) {
      graphs.update();
      eager.update();
    }
    const auto ours = graphs.network().parameters(), theirs = eager.network().parameters();
    for (size_t i = 0; i < ours.size(); ++i)
      EXPECT_TRUE(at::equal(ours[i], theirs[i])) << precision << " " << i;
    EXPECT_EQ(graphs.report().loss, eager.report().loss) << precision;
    EXPECT_GT(replays.count(), count * 3 / 2) << precision;  // of passes and of updates
  }
}

// Also of attention over 256 pixels, whose gradients a GPU adds up in parts.
TEST_F(Training, TheSameSeedGivesTheSameBytes) {
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    Config config = long_training();
    config.data.image_size = 16;
    config.model.attention_resolutions = {16};
    config.train.precision = precision;
    SCOPED_TRACE(word_of(precision));
    expect_same(bytes_after(config, fewer_if_emulated(50)),
                bytes_after(config, fewer_if_emulated(50)));
  }
}

// LibTorch does not record again into a pool whose graphs have all gone.
TEST_F(Training, RecordsAgainAfterTheGraphsOfOthersHaveGone) {
  const Config config = long_training();
  for (int time = 0; time < 3; ++time) {
    const CountedReplays replays;
    Trainer trainer = trainer_on(gpu(), config);
    for (int i = 0; i < 8; ++i) trainer.update();
    EXPECT_GT(replays.count(), 10) << time;
  }
}

// What cannot be recorded: the work waits for the card.
TEST_F(Training, RecordsAfterARecordingThatCouldNotBeEnded) {
  const StepGraphMaker maker = step_graph_maker(gpu());
  if (!maker) GTEST_SKIP() << "this build has no libdiffuse_cuda.so";
  const at::Tensor x = at::zeros({8}, at::device(gpu()));
  EXPECT_ANY_THROW(maker(gpu())->record([&] { x.add_(1).sum().item<float>(); }));
  at::rand({4}, at::device(gpu()));
  const auto graph = maker(gpu());
  graph->warm_up([&] { x.add_(1); });
  graph->record([&] { x.add_(1); });
  const float before = x.max().item<float>();
  graph->replay();
  EXPECT_EQ(x.max().item<float>(), before + 1);
}

TEST_F(Training, HasItsOwnKernels) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf})
    EXPECT_NE(cuda::kernels_for(gpu(), type, "src/model/ops/cuda/kernels/group_norm.cuh"), nullptr);
}

TEST_F(Training, ResumingRepeatsTheRunByteForByte) {
  Config config = long_training();
  config.train.precision = Precision::kBf16;
  const std::string straight = bytes_after(config, 16);
  Trainer first = trainer_on(gpu(), config);
  for (int i = 0; i < 7; ++i) first.update();
  const fs::path file = scratch("gpu_resume") / "part.pt";
  write_checkpoint_file(file, first.checkpoint());
  Trainer second = trainer_on(gpu(), config);
  second.restore(load_checkpoint(file));
  for (int i = 0; i < 9; ++i) second.update();
  expect_same(bytes_of(second), straight);
}

// Four networks without dropout, whose random numbers are then the same on both.
std::vector<std::pair<std::string, Config>> four_models() {
  Config image = long_training();
  image.model.dropout = 0;
  image.train.micro_batch = 0;
  Config modulated = image;
  modulated.model.scale_shift_norm = true;
  modulated.model.self_conditioning = true;
  modulated.diffusion.variance = VarianceKind::kLearnedRange;
  modulated.diffusion.loss = LossKind::kHybrid;
  Config points = image, signals = image;
  points.data = signals.data = {};
  points.model = {};
  points.data.type = DataType::kSwissRoll;
  points.data.count = signals.data.count = 100;
  points.model.type = NetworkType::kMlp;
  signals.data.type = DataType::kWaveforms;
  signals.data.length = 32;
  signals.model.class_conditional = false;
  signals.model.attention_resolutions = {};
  return {{"image", image}, {"modulated", modulated}, {"points", points}, {"signals", signals}};
}

TEST_F(Training, LossesAreTheCpus) {
  for (const auto& [name, config] : four_models()) {
    Trainer here = trainer_on(gpu(), config), there = trainer_on(at::kCPU, config);
    for (int part = 0; part < 5; ++part) {
      for (int i = 0; i < fewer_if_emulated(20); ++i) {
        here.update();
        there.update();
      }
      const double loss = there.report().loss;
      EXPECT_NEAR(here.report().loss, loss, 2e-3 * loss) << name << " " << part;
    }
  }
}

TEST_F(Training, ACheckpointTravelsBothWays) {
  Config config = four_models()[0].second;
  const fs::path file = scratch("gpu_travel") / "model.pt";
  for (const c10::Device device : {gpu(), c10::Device(at::kCPU)}) {
    Trainer first = trainer_on(device, config);
    for (int i = 0; i < 8; ++i) first.update();
    write_checkpoint_file(file, first.checkpoint());
    const c10::Device other = device.is_cpu() ? gpu() : c10::Device(at::kCPU);
    Trainer second = trainer_on(other, config);
    second.restore(load_checkpoint(file));
    first.report();
    for (int i = 0; i < 5; ++i) {
      first.update();
      second.update();
    }
    const double loss = first.report().loss;
    EXPECT_NEAR(second.report().loss, loss, 2e-3 * loss) << device;
  }
}

// A graph on a card whose memory is taken up while it is recorded.
class Crowded : public StepGraph {
 public:
  explicit Crowded(std::unique_ptr<StepGraph> graph) : graph_(std::move(graph)) {}
  void warm_up(const Work& work) override { graph_->warm_up(work); }
  void replay() override { graph_->replay(); }
  void record(const Work& work) override {
    graph_->record([&] {
      std::vector<at::Tensor> hog;
      for (int64_t bytes = int64_t{1} << 40; bytes >= 512; bytes /= 2) take(hog, bytes);
      work();
    });
  }

 private:
  static void take(std::vector<at::Tensor>& hog, int64_t bytes) {
    try {
      for (;;) hog.push_back(at::empty({bytes}, at::device(gpu()).dtype(at::kByte)));
    } catch (const c10::OutOfMemoryError&) {
    }
  }
  std::unique_ptr<StepGraph> graph_;
};

TEST_F(Training, GoesOnWithoutAGraphWhereMemoryIsShortForOne) {
  const Config config = long_training();
  const StepGraphMaker real = step_graph_maker(gpu());
  if (!real) GTEST_SKIP() << "this build has no libdiffuse_cuda.so";
  Trainer straight = trainer_on(gpu(), config);
  straight.update();  // which makes its graphs
  const StepGraphScope scope([&](c10::Device d) { return std::make_unique<Crowded>(real(d)); });
  Trainer crowded = trainer_on(gpu(), config);
  for (int i = 0; i < 10; ++i) {
    if (i > 0) straight.update();
    crowded.update();
  }
  expect_same(bytes_of(crowded), bytes_of(straight));
}

}  // namespace
}  // namespace diffuse
