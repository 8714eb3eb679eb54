// A model as a value: its config, network and diffusion, ready to use.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "diffuse/config/config.h"
#include "diffuse/diffusion/gaussian_diffusion.h"
#include "diffuse/model/network.h"
#include "diffuse/sample/generate.h"

namespace diffuse {

struct Checkpoint;

class Model {
 public:
  // From a model.pt, a run folder, a diffusers folder, a .safetensors file beside its config.json, or the
  // config of an analytic model (an oracle), with the averaged or raw weights. Throws Error naming the file.
  static Model load(const std::filesystem::path& path, bool use_ema = true,
                    c10::Device device = c10::kCPU);

  // From a run folder, or a model.pt in one, with an average of its weights whose width is the fraction `width`
  // of its training, made from its snapshots. Throws Error naming --ema or the folder. [Karras24] sec. 3
  static Model load_averaged(const std::filesystem::path& path, double width,
                             c10::Device device = c10::kCPU);

  // From a network in use, such as a trainer's, which is not changed.
  Model(std::string name, Config config, std::shared_ptr<Network> network, c10::Device device);

  const std::string& name() const { return name_; }  // its source, for messages
  const Config& config() const { return config_; }   // sample.clip_x0 is false unless images
  Network& network() const { return *network_; }
  const GaussianDiffusion& diffusion() const { return *diffusion_; }
  const NoiseSchedule& schedule() const { return diffusion_->schedule(); }
  c10::Device device() const { return device_; }
  int64_t step() const { return step_; }  // of its training
  // "ema", "raw", "exact", or "stored" of a file that does not say which.
  const std::string& weights() const { return weights_; }

  const std::vector<int64_t>& sample_shape() const { return config_.model.sample_shape; }
  bool is_image() const { return diffuse::is_image(sample_kind(config_.model)); }

  // x [B, sample shape...] from the network's units to the data's, and back: data.normalize and data.range
  // define them. x_t for t > 0 is only in the network's.
  at::Tensor to_data(const at::Tensor& x) const;
  at::Tensor to_network(const at::Tensor& x) const;

  // Sampler options from `config`, or with explicit timesteps; labels, condition, start and precision are left
  // to the caller. Throws Error naming the flag, or the model and its key, that does not fit.
  GenerateOptions options(const SampleConfig& config) const;
  GenerateOptions options(const SampleConfig& config, std::vector<double> timesteps) const;

  // Throws Error if samples drawn without a condition make no sense for it: a conditional model that was never
  // trained without one.
  void check_unconditional() const;

  // The network as a function for samplers: in its own units, on its device. Without options.condition it
  // calls check_unconditional(), as sample() does.
  Denoiser denoiser(const GenerateOptions& options) const;

  // keys [B] -> float32 [B, sample shape...] in the data's units on the CPU; `options.from` is in the data's
  // units too, but `callback` gets the network's. Row b depends only on keys[b], its label and its condition.
  at::Tensor sample(std::span<const StreamKey> keys, GenerateOptions options,
                    const StepCallback& callback = {}) const;

 private:
  void check_given(const GenerateOptions& options) const;
  static Model of(const Checkpoint& checkpoint, bool use_ema, c10::Device device);
  GenerateOptions options(const SampleConfig& config, SamplerOptions sampler) const;

  std::string name_;
  Config config_;
  std::shared_ptr<Network> network_;
  std::shared_ptr<const GaussianDiffusion> diffusion_;
  c10::Device device_;
  std::shared_ptr<SampleGraphs> graphs_;  // null: kernels are launched one by one
  int64_t step_ = 0;
  std::string weights_ = "raw";
};

// Whether a file is the config of an analytic model: a .json that is not an index of weights.
bool is_oracle(const std::filesystem::path& path);

}  // namespace diffuse
