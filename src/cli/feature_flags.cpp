#include "feature_flags.h"

#include "common.h"
#include "diffuse/core/error.h"
#include "src/core/log.h"

namespace diffuse::cli {

void FeatureFlags::add_to(CLI::App& command, const std::string& group) {
  command
      .add_option("--features", features,
                  "Feature network, a TorchScript file; loading it runs its code")
      ->check(CLI::ExistingFile)
      ->group(group);
  command
      .add_option("--features-input", extractor.input,
                  "The network's input: uint8 0..255, unit 0..1 or signed -1..1")
      ->check(CLI::IsMember({"uint8", "unit", "signed"}))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--features-size", extractor.size,
                  "Resize images to this many pixels for it; 0 = the network resizes them")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--reference", reference,
                  "fid: the data's statistics from an .npz of mu and sigma, as in pytorch-fid")
      ->check(CLI::ExistingFile)
      ->group(group);
}

std::shared_ptr<const FeatureExtractor> FeatureFlags::open(c10::Device device) const {
  if (features.empty()) return nullptr;
  ExtractorOptions options = extractor;
  options.device = device;
  return std::make_shared<const FeatureExtractor>(features, options);
}

}  // namespace diffuse::cli
