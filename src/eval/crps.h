// The continuous ranked probability score of what a model makes of the unknown values of masked items.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "diffuse/data/dataset.h"
#include "diffuse/eval/evaluation.h"
#include "diffuse/model_file/model.h"
#include "src/eval/eval_report.h"

namespace diffuse {

// Samples [K, ...] with K > 1 and the truth y [...] -> float64 [...]:
//   Σ_k |x_k - y| / K - Σ_{k,l} |x_k - x_l| / (2 K (K - 1)),
// the unbiased ("fair") estimate of E|X - y| - E|X - X'| / 2, whose mean does not depend on K. [Gneiting07] eq. 21,
// [Ferro14]
at::Tensor fair_crps(const at::Tensor& samples, const at::Tensor& truth);

struct CrpsOptions {
  EvaluationOptions evaluation;  // with the condition, a mask
  GenerateOptions generate;      // how to sample
  int64_t samples = 32;          // K, of each item
};

struct Crps {
  Estimate
      score;  // a mean over the unknown values of an item, in the data's units, then over items
  double unknown = 0;  // their share of all values
  int64_t items = 0;   // with unknown values
};

// Throws Error unless the model is conditioned on a mask.
void check_masked(const Model& model);

// Sample k of item i is a function of (seed, i, k), its mask one of (seed, i). Throws Error if nothing is unknown.
Crps evaluate_crps(const Model& model, const Dataset& data, const CrpsOptions& options);

// As "crps" in the report, with the settings of sampling.
void add_report(EvalReport& report, const Crps& crps, int64_t samples,
                const nlohmann::ordered_json& sampling);

}  // namespace diffuse
