#include "src/eval/feature_extractor.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/hash.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include "diffuse/core/error.h"
#include "src/files/file.h"

namespace diffuse {

struct FeatureExtractor::Module {
  torch::jit::Module script;
  bool has_return_features = false, has_no_output_bias = false;
};

// The line of a TorchScript message with the error: the last, after the traceback, without its advice.
static std::string reason(const std::exception& error) {
  const auto* ours = dynamic_cast<const c10::Error*>(&error);
  std::string text = ours != nullptr ? ours->what_without_backtrace() : error.what();
  const size_t runtime = text.rfind("RuntimeError: ");
  if (runtime != std::string::npos) text = text.substr(runtime);
  text = text.substr(0, text.find('\n'));
  return text.substr(0, text.find(". This is an internal miniz error"));
}

FeatureExtractor::FeatureExtractor(const std::filesystem::path& file,
                                   const ExtractorOptions& options)
    : file_(file), options_(options), module_(std::make_unique<Module>()) {
  const InputFile bytes(file);
  sha1_ = c10::sha1(bytes.read(0, bytes.size())).str();
  try {
    module_->script = torch::jit::load(file.string(), options.device);
    module_->script.eval();
  } catch (const std::exception& error) {
    throw Error(name(), ": not a TorchScript file that can be loaded: ", reason(error));
  }
  const auto forward = module_->script.find_method("forward");
  if (!forward) throw Error(name(), ": this TorchScript module has no forward");
  const auto& schema = forward->function().getSchema();
  module_->has_return_features = schema.argumentIndexWithName("return_features").has_value();
  module_->has_no_output_bias = schema.argumentIndexWithName("no_output_bias").has_value();
}

FeatureExtractor::~FeatureExtractor() = default;

// uint8 [B, C, H, W] -> the network's input.
static at::Tensor to_input(const at::Tensor& images, const ExtractorOptions& options) {
  at::Tensor x = images.to(options.device);
  if (x.size(1) == 1) x = x.expand({-1, 3, -1, -1});
  if (options.size > 0)
    x = at::upsample_bilinear2d(x.to(at::kFloat), {options.size, options.size},
                                /*align_corners=*/false);
  if (options.input == "unit") return x.to(at::kFloat) / 255;
  if (options.input == "signed") return x.to(at::kFloat) / 127.5 - 1;
  return (x.is_floating_point() ? x.round() : x).to(at::kByte).contiguous();
}

// [B, D] or maps [B, D, h, w] -> float32 [B, D] on the CPU.
static at::Tensor to_rows(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 2 || x.dim() == 4, "RuntimeError: an output of shape ", x.sizes(),
              "; expected [B, D] or [B, D, h, w]");
  return (x.dim() == 4 ? x.mean(at::IntArrayRef{2, 3}) : x).to(at::kCPU, at::kFloat);
}

// The tensors of an output: one, or a tuple or list of one or two.
static std::vector<at::Tensor> tensors_of(const c10::IValue& output) {
  if (output.isTensor()) return {output.toTensor()};
  if (output.isTensorList()) return output.toTensorVector();
  std::vector<at::Tensor> tensors;
  if (output.isTuple())
    for (const c10::IValue& element : output.toTupleRef().elements())
      tensors.push_back(element.toTensor());
  TORCH_CHECK(!tensors.empty(), "RuntimeError: an output of type ", output.tagKind(),
              "; expected features, or (features, logits)");
  return tensors;
}

static Features run(torch::jit::Module& script, const c10::IValue& x, bool return_features,
                    bool no_output_bias, FeatureExtractor::Wanted wanted) {
  Features result;
  if (!return_features) {
    const auto outputs = tensors_of(script({x}));
    result.features = to_rows(outputs[0]);
    TORCH_CHECK(!wanted.probabilities || outputs.size() > 1,
                "RuntimeError: it returns only features, but the Inception Score needs classes: a "
                "forward that returns (features, logits)");
    if (wanted.probabilities) result.probabilities = to_rows(outputs[1]).softmax(1);
    return result;
  }
  auto forward = script.get_method("forward");
  if (wanted.features)
    result.features = to_rows(forward({x}, {{"return_features", true}}).toTensor());
  if (wanted.probabilities) {
    std::unordered_map<std::string, c10::IValue> named;
    if (no_output_bias) named["no_output_bias"] = true;  // as in the code of [Salimans16]
    result.probabilities = to_rows(forward({x}, named).toTensor());
  }
  return result;
}

Features FeatureExtractor::operator()(const at::Tensor& images, Wanted wanted) const {
  const c10::InferenceMode inference;
  // A second batch size would trigger a recompilation that costs more than it saves.
  torch::jit::GraphOptimizerEnabledGuard no_recompiling(false);
  Features result;
  try {
    result = run(module_->script, to_input(images, options_), module_->has_return_features,
                 module_->has_no_output_bias, wanted);
  } catch (const std::exception& error) {
    throw Error(name(), ": the feature network fails on images of ", images.sizes(), " given as ",
                options_.input, " x3: ", reason(error));
  }
  for (const at::Tensor& x : {result.features, result.probabilities})
    if (x.defined() && !x.isfinite().all().item<bool>())
      throw Error(name(), ": the feature network returns values that are not finite");
  return result;
}

}  // namespace diffuse
