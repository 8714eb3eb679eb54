#include "sample_graphs.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "diffuse/core/error.h"

namespace diffuse {

std::shared_ptr<SampleGraphs> make_sample_graphs(c10::Device device) {
  const StepGraphMaker maker = step_graph_maker(device);
  return maker ? std::make_shared<SampleGraphs>(maker, device) : nullptr;
}

static void put_all(const Conditioning& from, Conditioning& to) {
  if (from.labels.defined()) put(from.labels, to.labels);
  if (from.condition.defined()) put(from.condition, to.condition);
}

SampleGraphs::Call& SampleGraphs::call_for(const Bound& bound, const Conditioning& given,
                                           const std::string& key) {
  if (const auto found = calls_.find(key); found != calls_.end()) {
    put_all(given, found->second.given);
    return found->second;
  }
  Call call{.work = {"a sampling step", maker_(device_)}};
  put_all(given, call.given);
  call.denoiser = bound(call.given);
  return calls_.emplace(key, std::move(call)).first->second;
}

Denoiser SampleGraphs::recorded(const Bound& bound, const Conditioning& given,
                                const std::string& options) {
  return [self = shared_from_this(), bound, given, options, plain = bound(given)](
             const at::Tensor& x, const at::Tensor& t) {
    if (at::GradMode::is_enabled()) return plain(x, t);
    Call& call = self->call_for(bound, given,
                                concat(options, " ", x.sizes(), " ", x.dtype(),
                                       given.labels.defined(), given.condition.defined()));
    put(x, call.x);
    put(t, call.t);
    call.work.run([&call] { put(call.denoiser(call.x, call.t), call.output); });
    return call.output.clone();
  };
}

}  // namespace diffuse
