// The figures of an evaluation.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "diffuse/eval/evaluation.h"

namespace diffuse {

struct EvalReport {             // NOLINT(bugprone-exception-escape): moving JSON throws nothing
  nlohmann::ordered_json json;  // metric name -> figures
  std::string text;             // the same for people
};

// {"mean": ..., "stderr": ...}; an unknown standard error is null.
inline nlohmann::ordered_json json_of(const Estimate& estimate) {
  return {{"mean", estimate.mean}, {"stderr", estimate.standard_error}};  // NaN is written as null
}

}  // namespace diffuse
