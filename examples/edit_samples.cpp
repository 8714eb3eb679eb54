// Loads a model from any file that the program can read, draws samples, and finds the noise that reproduces
// them. The argument is a model; without one it is the exact network of Gaussian data.
#include <ATen/ATen.h>
#include <diffuse/model_file/model.h>
#include <diffuse/sample/encode.h>

#include <iostream>

int main(int argc, char** argv) {
  const auto model = diffuse::Model::load(argc > 1 ? argv[1] : "configs/gaussian_oracle.json");

  diffuse::SampleConfig config = model.config().sample;
  config.sampler = diffuse::SamplerKind::kDdim;
  config.eta = 0;
  config.clip_x0 = false;
  config.spacing = diffuse::Spacing::kUniform;
  diffuse::GenerateOptions options = model.options(config);

  const auto keys = diffuse::consecutive_keys(/*seed=*/0, /*first=*/0, /*count=*/16);
  const at::Tensor x = model.sample(keys, options);  // in the data's units
  std::cout << "mean square " << x.square().mean().item<double>() << "\n";

  const at::Tensor x_T = diffuse::encode(model.diffusion(), model.denoiser(options),
                                         model.to_network(x), options.sampler.timesteps, 3);
  options.start = x_T;
  const at::Tensor again = model.sample(keys, options);
  std::cout << "RMS error of the reconstruction "
            << (again - x).square().mean().sqrt().item<double>() << "\n";
}
