// The feature network of FID and similar metrics: the user's TorchScript file.
//
// Loading a TorchScript file and calling it runs the code inside: use one from a source you trust.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace diffuse {

// The input of the network's forward: RGB images [B, 3, H, W] with numbers in this range. Grey images are
// repeated in three channels.
struct ExtractorOptions {
  std::string input = "uint8";  // uint8: 0 .. 255; unit: float 0 .. 1; signed: float -1 .. 1
  int64_t size =
      0;  // side in pixels, resized bilinearly (align_corners=False); 0 = no resize, for the
          // usual files, which resize images themselves
  c10::Device device = c10::kCPU;
};

struct Features {
  at::Tensor features;       // float32 [B, D] on the CPU
  at::Tensor probabilities;  // of classes: float32 [B, classes] on the CPU
};

// The file's forward returns one of
//   features, with an argument return_features, and class probabilities without it (NVIDIA's files)
//   only features: [B, D], or maps [B, D, h, w], averaged over h and w
//   a tuple or list (features) or (features, logits)
class FeatureExtractor {
 public:
  struct Wanted {
    bool features = true;
    bool probabilities = false;
  };

  // Throws Error naming the file if it is missing or not TorchScript.
  FeatureExtractor(const std::filesystem::path& file, const ExtractorOptions& options);
  ~FeatureExtractor();

  // images uint8 [B, 1 or 3, H, W]. Unwanted results stay undefined. Throws Error naming the file if its
  // network refuses the images, or returns another type or non-finite values.
  Features operator()(const at::Tensor& images, Wanted wanted) const;

  const std::string& sha1() const { return sha1_; }  // of the file's bytes, in hexadecimal
  std::string name() const { return file_.string(); }
  const ExtractorOptions& options() const { return options_; }

 private:
  struct Module;

  std::filesystem::path file_;
  ExtractorOptions options_;
  std::string sha1_;
  std::unique_ptr<Module> module_;
};

}  // namespace diffuse
