#include "src/measure/step_benchmark.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "diffuse/sample/generate.h"
#include "diffuse/train/trainer.h"
#include "flop_counter.h"
#include "memory_counter.h"
#include "phase_timer.h"
#include "src/core/device.h"
#include "src/core/duration.h"
#include "src/model/cpu_products.h"
#include "trace.h"

namespace diffuse {

namespace {

// One batch of random items, returned repeatedly.
class RandomData : public Dataset {
 public:
  explicit RandomData(const Config& config) : config_(config) {
    std::vector<int64_t> shape = config.model.sample_shape;
    shape.insert(shape.begin(), config.train.batch_size);
    items_ = at::rand(shape) * 2 - 1;
  }
  int64_t size() const override { return items_.size(0); }
  std::vector<int64_t> sample_shape() const override { return config_.model.sample_shape; }
  SampleKind sample_kind() const override { return diffuse::sample_kind(config_.model); }
  std::vector<std::string> class_names() const override {
    return std::vector<std::string>(static_cast<size_t>(config_.model.classes), "class");
  }
  int64_t label(int64_t index) const override {
    return config_.model.classes == 0 ? -1 : index % config_.model.classes;
  }
  at::Tensor gather(std::span<const int64_t>) const override { return items_.clone(); }
  at::Tensor condition(std::span<const int64_t> indices) const override {
    if (!config_.condition.is_stored()) return {};
    std::vector<int64_t> shape = condition_shape();
    shape.insert(shape.begin(), std::ssize(indices));
    return at::rand(shape);
  }
  std::vector<int64_t> condition_shape() const override {
    if (config_.condition.type == ConditionType::kVector)
      return {std::max<int64_t>(config_.model.condition_size, 1)};
    return config_.condition.is_stored() ? config_.model.sample_shape : std::vector<int64_t>();
  }

 private:
  const Config& config_;
  at::Tensor items_;
};

// Seconds per call of step(), without the first one; wait() returns when the device is done.
template <class Step, class Wait>
double seconds_of(double seconds, const Step& step, const Wait& wait) {
  step();
  wait();
  const double begin = seconds_now();
  int64_t count = 0;
  while (count < 3 || seconds_now() - begin < seconds) {
    step();
    ++count;
    if (count < 3 || count % 10 == 0) wait();  // a GPU queues work: keep the queue short
  }
  wait();
  return (seconds_now() - begin) / static_cast<double>(count);
}

// The fastest of several products of two n x n matrices, 2 n^3 FLOPs each.
double gemm_gflops(c10::Device device, c10::ScalarType type) {
  const int64_t n = device.is_cpu() ? 1024 : 8192;
  const at::Tensor a = at::rand({n, n}, at::device(device).dtype(type)), b = a.t().contiguous();
  const bool as_networks = device.is_cpu() && type == at::kFloat;
  at::Tensor c;
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    const double seconds = seconds_of(
        0.1, [&] { c = as_networks ? cpu_product(a, b) : at::mm(a, b); },
        [&] { wait_for(device); });
    best = std::max(best, 2e-9 * static_cast<double>(n * n * n) / seconds);
  }
  return best;
}

int64_t peak_memory(c10::Device device) {
  if (!device.is_cpu()) {
    const auto stats = c10::getDeviceAllocator(device.type())->getDeviceStats(device.index());
    return stats.allocated_bytes[0].peak;
  }
  return resident_peak();
}

// A training and a sampling step on random data.
class Steps {
 public:
  Steps(const Config& config, c10::Device device)
      : data_(std::make_shared<RandomData>(config)),
        trainer_(config, data_, device),
        x_(data_->gather({}).to(device)),
        one_step_{.sampler = SamplerKind::kDdim,
                  .timesteps = {make_process(config.diffusion)->time_at(0.5)}},
        denoiser_(make_denoiser(
            trainer_.network(), trainer_.diffusion(),
            {.sampler = one_step_,
             .shape = config.model.sample_shape,
             .device = device,
             .precision = trainer_.precision(),
             .graphs = config.train.cuda_graph == CudaGraph::kAuto ? make_sample_graphs(device)
                                                                   : nullptr})) {}

  void train() { trainer_.update(); }

  // The weights must not change afterwards.
  void sample() {
    const c10::InferenceMode inference;
    trainer_.network().eval();
    run_sampler(trainer_.diffusion(), denoiser_, x_, one_step_, {});
  }

  c10::ScalarType precision() const { return trainer_.precision(); }

 private:
  std::shared_ptr<RandomData> data_;
  Trainer trainer_;
  at::Tensor x_;
  SamplerOptions one_step_;
  Denoiser denoiser_;
};

}  // namespace

// Steps on a GPU until they are replayed.
static constexpr int kUntilRecorded = 6;

StepBenchmark benchmark_steps(const Config& config, c10::Device device, double seconds) {
  StepBenchmark result;
  Steps steps(config, device);
  {
    const FlopCounter counter;
    steps.train();
    // Each product of the forward pass has two of equal size in the backward pass.
    result.train_gflop = 3e-9 * counter.operations();
  }
  const auto wait = [&] { wait_for(device); };
  const int kinds = config.model.self_conditioning ? 5 : 1;  // two, by chance
  const int first = device.is_cpu() ? 0 : kinds * kUntilRecorded;
  for (int i = 0; i < first; ++i) steps.train();
  const double update = seconds_of(
      seconds, [&] { steps.train(); }, wait);
  {
    const PhaseTimer clock(device);
    constexpr int kUpdates = 3;
    for (int i = 0; i < kUpdates; ++i) steps.train();
    for (const auto& [phase, sum] : clock.seconds()) result.phase_ms[phase] = 1e3 * sum / kUpdates;
  }
  result.kernels = kernel_shares(device, [&] {
    steps.train();
    wait();
  });
  result.train_memory_bytes = peak_memory(device);
  for (int i = 0; i < first; ++i) steps.sample();
  const double step = seconds_of(
      seconds, [&] { steps.sample(); }, wait);
  result.train_step_ms = update * 1e3;
  result.sample_step_ms = step * 1e3;
  result.images_per_s = static_cast<double>(config.train.batch_size) / update;
  result.achieved_gflops = result.train_gflop / update;
  result.gemm_gflops = gemm_gflops(device, steps.precision());
  result.peak_memory_bytes = peak_memory(device);
  return result;
}

void trace_steps(const Config& config, c10::Device device, const std::filesystem::path& file) {
  Steps steps(config, device);
  steps.train();  // allocates buffers and selects kernels
  // On a GPU, of the first ones, each kernel has its operator; the last is a replay.
  const int updates = device.is_cpu() ? 1 : kUntilRecorded;
  trace_work(file, device, [&] {
    for (int i = 0; i < updates; ++i) steps.train();
    for (int i = 0; i < 2; ++i) steps.sample();  // the first transforms filters for the others
    wait_for(device);
  });
}

// An update's arithmetic at the speed of a large product.
static double floor_ms(const StepBenchmark& b) { return 1e3 * b.train_gflop / b.gemm_gflops; }

nlohmann::ordered_json json_of(const StepBenchmark& b) {
  return {{"cpu_vectors", cpu_vectors()},
          {"cpu_products", cpu_products()},
          {"train_step_ms", b.train_step_ms},
          {"phase_ms", b.phase_ms},
          {"sample_step_ms", b.sample_step_ms},
          {"images_per_s", b.images_per_s},
          {"gemm_gflops", b.gemm_gflops},
          {"achieved_gflops", b.achieved_gflops},
          {"train_gflop", b.train_gflop},
          {"floor_ms", floor_ms(b)},
          {"kernel_ms", b.kernels.ms},
          {"kernel_launches", b.kernels.launches},
          {"busy_ms", b.kernels.busy_ms},
          {"train_memory_bytes", b.train_memory_bytes},
          {"peak_memory_bytes", b.peak_memory_bytes}};
}

// What a GPU is busy with; "" on the CPU.
static std::string kernels_text(const StepBenchmark& b) {
  if (b.kernels.launches == 0) return "";
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << "kernels       " << b.kernels.launches << ", busy "
      << b.kernels.busy_ms << " ms (" << 100 * b.kernels.busy_ms / b.train_step_ms
      << "% of a step); floor " << floor_ms(b)
      << " ms, the arithmetic at a large product's speed\n";
  for (const auto& [kind, ms] : b.kernels.ms)
    out << "  " << std::setw(16) << std::left << kind << ms << " ms ("
        << 100 * ms / b.kernels.busy_ms << "%)\n";
  return out.str();
}

std::string text_of(const StepBenchmark& b, const Config& config, c10::Device device) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << "device        " << device;
  if (device.is_cpu())
    out << ", " << cpu_vectors() << " kernels, float32 products by " << cpu_products();
  out << "\nbatch         " << config.train.batch_size << "\ntrain step    " << b.train_step_ms
      << " ms, " << b.images_per_s << " samples/s\n";
  for (const char* const phase : {"data", "pass", "forward", "backward", "optimizer"})
    if (const auto found = b.phase_ms.find(phase); found != b.phase_ms.end())
      out << "  " << std::setw(12) << std::left << phase << found->second << " ms\n";
  out << kernels_text(b);
  out << "sample step   " << b.sample_step_ms << " ms\nthroughput    " << b.achieved_gflops
      << " GFLOP/s of the " << b.gemm_gflops << " of a large GEMM ("
      << 100 * b.achieved_gflops / b.gemm_gflops << "%)\npeak memory   "
      << static_cast<double>(b.train_memory_bytes) / (1 << 20) << " MB training, "
      << static_cast<double>(b.peak_memory_bytes) / (1 << 20) << " MB in all\n";
  return out.str();
}

}  // namespace diffuse
