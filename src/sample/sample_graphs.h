// Calls of a network while sampling, recorded once for each shape of a batch.
#pragma once

#include <map>
#include <string>

#include "diffuse/sample/generate.h"
#include "src/core/step_graph.h"

namespace diffuse {

class SampleGraphs : public std::enable_shared_from_this<SampleGraphs> {
 public:
  // Makes the denoiser of what the rows are given.
  using Bound = std::function<Denoiser(const Conditioning& given)>;

  SampleGraphs(StepGraphMaker maker, c10::Device device)
      : maker_(std::move(maker)), device_(device) {}

  // bound(given), whose calls are recorded; `options`: whatever else they depend on. Not for gradients, which
  // it computes without recording.
  Denoiser recorded(const Bound& bound, const Conditioning& given, const std::string& options);

 private:
  struct Call {
    at::Tensor x{}, t{}, output{};  // they stay where they are, as do these:
    Conditioning given{};
    Denoiser denoiser{};
    RepeatedWork work;
  };

  Call& call_for(const Bound& bound, const Conditioning& given, const std::string& key);

  StepGraphMaker maker_;
  c10::Device device_;
  std::map<std::string, Call> calls_;
};

}  // namespace diffuse
