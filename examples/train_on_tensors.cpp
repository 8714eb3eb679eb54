// Trains on your own tensors: a data set is any class that returns items by number. Trains an MLP on
// points on a circle, and prints the mean distance of 1,000 samples from it.
#include <ATen/ATen.h>
#include <diffuse/config/config_json.h>
#include <diffuse/train/trainer.h>

#include <cmath>
#include <iostream>
#include <numbers>

namespace {

class Circle : public diffuse::Dataset {
 public:
  int64_t size() const override { return points_.size(0); }
  std::vector<int64_t> sample_shape() const override { return {2}; }
  diffuse::SampleKind sample_kind() const override { return diffuse::SampleKind::kPoint; }
  int64_t label(int64_t) const override { return -1; }
  at::Tensor gather(std::span<const int64_t> indices) const override {
    at::Tensor batch = at::empty({static_cast<int64_t>(indices.size()), 2});
    for (size_t i = 0; i < indices.size(); ++i)
      batch[static_cast<int64_t>(i)] = points_[indices[i]];
    return batch;
  }

 private:
  static at::Tensor make_points() {
    const at::Tensor angle = at::arange(2000) * (2 * std::numbers::pi / 2000);
    return at::stack({angle.cos(), angle.sin()}, 1) * 1.5;
  }
  at::Tensor points_ = make_points();
};

}  // namespace

int main(int argc, char** argv) {
  const char* steps = argc > 1 ? argv[1] : "1500";
  const diffuse::Config config = diffuse::parse_config(
      R"({"model": {"type": "mlp", "hidden": 64, "layers": 3},
          "diffusion": {"timesteps": 100, "beta_end": 0.1},
          "train": {"batch_size": 128, "learning_rate": 0.002, "warmup_steps": 0,
                    "ema_decay": 0.99},
          "sample": {"clip_x0": false}})",
      "example", {std::string("train.steps=") + steps});

  diffuse::Trainer trainer(config, std::make_shared<Circle>(), c10::kCPU);
  while (trainer.step() < config.train.steps) trainer.update();
  std::cout << "loss " << trainer.report().loss << "\n";

  const diffuse::Model model = trainer.model();
  at::Tensor x;
  trainer.with_averages([&] {
    x = model.sample(diffuse::consecutive_keys(0, 0, 1000), model.options(config.sample));
  });
  const at::Tensor distance = (x.norm(2, 1) - 1.5).abs().mean();
  std::cout << "mean distance from the circle " << distance.item<double>() << "\n";
}
