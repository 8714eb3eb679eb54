#include "src/eval/feature_extractor.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>

#include "diffuse/core/error.h"
#include "tests/message_of.h"
#include "tests/test_folder.h"

namespace diffuse {
namespace {

namespace fs = std::filesystem;

class FeatureExtractorTest : public testing::Test {
 protected:
  // A feature network of this forward.
  fs::path script(const std::string& forward) const {
    torch::jit::Module module("Features");
    module.define(forward);
    module.save((folder_.path() / "features.pt").string());
    return folder_.path() / "features.pt";
  }

  Features features(const std::string& forward, const at::Tensor& images,
                    const ExtractorOptions& options = {}, bool probabilities = false) const {
    return FeatureExtractor(script(forward), options)(
        images, {.features = true, .probabilities = probabilities});
  }

  // The text of the Error, without the file's name.
  std::string failure(const std::string& forward, bool probabilities = false) const {
    const fs::path file = script(forward);
    const std::string message = message_of([&] {
      FeatureExtractor(file, {})(at::zeros({2, 1, 4, 4}, at::kByte),
                                 {.probabilities = probabilities});
    });
    return message.empty() ? "" : message.substr(file.string().size());
  }

  const TestFolder folder_;
};

const char* const kChannelMeans = R"(
def forward(self, x):
    return x.float().mean([2, 3])
)";

at::Tensor ramp() { return at::arange(2 * 3 * 2 * 2).view({2, 3, 2, 2}).to(at::kByte); }

TEST_F(FeatureExtractorTest, GivesImagesInTheRangeAskedFor) {
  const at::Tensor means = ramp().to(at::kFloat).mean(at::IntArrayRef{2, 3});
  const auto found = [&](const std::string& input) {
    return features(kChannelMeans, ramp(), {.input = input}).features;
  };
  EXPECT_TRUE(at::allclose(found("uint8"), means));
  EXPECT_TRUE(at::allclose(found("unit"), means / 255));
  EXPECT_TRUE(at::allclose(found("signed"), means / 127.5 - 1));
  // 0 - 1 is 255 where the numbers are bytes.
  const char* const wraps = "def forward(self, x):\n    return (x - 1).float().amax([2, 3])\n";
  EXPECT_TRUE(at::equal(features(wraps, ramp()).features[0], at::tensor({255.F, 6.F, 10.F})));
}

TEST_F(FeatureExtractorTest, RepeatsGreyInThreeChannels) {
  const at::Tensor grey = ramp().select(1, 2).unsqueeze(1);
  EXPECT_TRUE(at::equal(features(kChannelMeans, grey).features,
                        at::tensor({9.5F, 21.5F}).view({2, 1}).expand({2, 3})));
}

TEST_F(FeatureExtractorTest, ResizesWhereAsked) {
  const std::string forward = "def forward(self, x):\n    return x.float().flatten(1)\n";
  const at::Tensor found = features(forward, ramp(), {.size = 4}).features;
  EXPECT_EQ(found.sizes(), (at::IntArrayRef{2, 3 * 4 * 4}));
  EXPECT_EQ(found[0][0].item<float>(), 0);
  EXPECT_EQ(found[0][15].item<float>(), 3);
  EXPECT_EQ(found[1][5].item<float>(), 13);  // 12.75 as a byte
}

// The arguments of NVIDIA's Inception file.
TEST_F(FeatureExtractorTest, AsksForFeaturesByArgument) {
  const Features found = features(R"(
def forward(self, img, return_features: bool = False, use_fp16: bool = False,
            no_output_bias: bool = False):
    x = img.float().mean([2, 3])
    if return_features:
        return x
    return torch.ones_like(x) * (0.25 if no_output_bias else 0.5)
)",
                                  ramp(), {}, true);
  EXPECT_EQ(found.features[1][2].item<float>(), 21.5);
  EXPECT_EQ(found.probabilities[0][0].item<float>(), 0.25);
}

TEST_F(FeatureExtractorTest, TakesFeaturesAndLogits) {
  const Features found = features(R"(
def forward(self, x):
    y = x.float().mean([2, 3])
    return y, torch.zeros_like(y)
)",
                                  ramp(), {}, true);
  EXPECT_EQ(found.features[1][2].item<float>(), 21.5);
  EXPECT_TRUE(at::allclose(found.probabilities, at::full({2, 3}, 1.0 / 3)));
}

// What pytorch-fid's network gives.
TEST_F(FeatureExtractorTest, TakesAListOfMaps) {
  const Features found = features("def forward(self, x):\n    return [x.float()]\n", ramp());
  EXPECT_TRUE(at::allclose(found.features, ramp().to(at::kFloat).mean(at::IntArrayRef{2, 3})));
  EXPECT_FALSE(found.probabilities.defined());
}

TEST_F(FeatureExtractorTest, SaysWhatIsWrongWithTheNetwork) {
  const std::string fails =
      ": the feature network fails on images of [2, 1, 4, 4] given as uint8 x3: RuntimeError: ";
  EXPECT_EQ(failure(kChannelMeans, true),
            fails +
                "it returns only features, but the Inception Score needs classes: a forward that "
                "returns (features, logits)");
  EXPECT_EQ(failure("def forward(self, x):\n    return 3\n"),
            fails + "an output of type Int; expected features, or (features, logits)");
  EXPECT_EQ(failure("def forward(self, x):\n    return x.view([2, -1, 4])\n"),
            fails + "an output of shape [2, 12, 4]; expected [B, D] or [B, D, h, w]");
  EXPECT_EQ(failure("def forward(self, x):\n    return x.float().mean([2, 3]) / 0\n"),
            ": the feature network returns values that are not finite");
  EXPECT_NE(failure("def forward(self, x):\n    return x.view([7])\n").find("invalid for input"),
            std::string::npos);
}

TEST_F(FeatureExtractorTest, NamesAFileThatIsNone) {
  const auto error_of = [&](const fs::path& file) {
    return message_of([&] { FeatureExtractor(file, {}); });
  };
  const fs::path file = folder_.path() / "other.pt";
  EXPECT_EQ(error_of(file), file.string() + ": cannot open: No such file or directory");
  write_file(file, "not a network");
  EXPECT_EQ(error_of(file).rfind(file.string() + ": not a TorchScript file that can be loaded", 0),
            0U);
}

}  // namespace
}  // namespace diffuse
