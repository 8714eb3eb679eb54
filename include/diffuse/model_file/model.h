// A model as a value: what it was configured as, its network and its diffusion, ready to use.
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
  // config of an analytic model (an oracle), with its averaged weights or its raw ones. Throws Error
  // naming the file.
  static Model load(const std::filesystem::path& path, bool use_ema = true,
                    c10::Device device = c10::kCPU);

  // Of a run folder, or a model.pt in one, with an average of its weights as long as `width` of its
  // training, made of its snapshots. Throws Error naming --ema or the folder.     [Karras24] sec. 3
  static Model load_averaged(const std::filesystem::path& path, double width,
                             c10::Device device = c10::kCPU);

  // Of a network that is in use already, a trainer's say; it stays as it is.
  Model(std::string name, Config config, std::shared_ptr<Network> network, c10::Device device);

  const std::string& name() const { return name_; }  // where it came from, for messages
  const Config& config() const { return config_; }   // images alone keep sample.clip_x0
  Network& network() const { return *network_; }
  const GaussianDiffusion& diffusion() const { return *diffusion_; }
  const NoiseSchedule& schedule() const { return diffusion_->schedule(); }
  c10::Device device() const { return device_; }
  int64_t step() const { return step_; }                   // of its training
  const std::string& weights() const { return weights_; }  // "ema", "raw" or "exact"

  const std::vector<int64_t>& sample_shape() const { return config_.model.sample_shape; }
  bool is_image() const { return diffuse::is_image(sample_kind(config_.model)); }

  // x [B, sample shape...] in the data's units, and in the network's: data.normalize and data.range
  // tell them apart. x_t for t > 0 is in the network's alone.
  at::Tensor to_data(const at::Tensor& x) const;
  at::Tensor to_network(const at::Tensor& x) const;

  // How it is sampled as `config` says, or along those timesteps; labels, start and precision are still to
  // be filled in. Throws Error naming the flag, or the key after the model's name, that does not fit.
  GenerateOptions options(const SampleConfig& config) const;
  GenerateOptions options(const SampleConfig& config, std::vector<double> timesteps) const;

  // The network as samplers call it: in its own units, on its device.
  Denoiser denoiser(const GenerateOptions& options) const;

  // keys [B] -> float32 [B, sample shape...] in the data's units on the CPU; `options.from` is in the
  // data's units as well, what `callback` sees in the network's. Row b depends on keys[b] and its label
  // alone.
  at::Tensor sample(std::span<const StreamKey> keys, GenerateOptions options,
                    const StepCallback& callback = {}) const;

 private:
  static Model of(const Checkpoint& checkpoint, bool use_ema, c10::Device device);
  GenerateOptions options(const SampleConfig& config, SamplerOptions sampler) const;

  std::string name_;
  Config config_;
  std::shared_ptr<Network> network_;
  std::shared_ptr<const GaussianDiffusion> diffusion_;
  c10::Device device_;
  int64_t step_ = 0;
  std::string weights_ = "raw";
};

// Whether a file is the config of an analytic model: a .json that is no index of weights.
bool is_oracle(const std::filesystem::path& path);

}  // namespace diffuse
