// Sources of samples for an evaluation: a file, a folder, a data set or the model.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "diffuse/eval/evaluation.h"
#include "diffuse/model_file/model.h"
#include "src/eval/sample_metrics.h"

namespace diffuse {

// The first n samples (0 = all) of a file in the formats of `diffuse sample`: an .npz of arr_0, uint8
// [N, H, W, C]; an .npy of float32 [N, C, H, W] in [-1, 1] or points [N, D]; a folder of pictures, in the
// order of their names. Throws Error naming the file, also if samples do not have `shape`.
SampleSource stored_samples(const std::filesystem::path& path, const std::vector<int64_t>& shape,
                            int64_t n, int64_t batch);

// n of a set's items, evenly spaced over it, in the data's units.
SampleSource items_of(const std::shared_ptr<const Dataset>& data, int64_t n, int64_t batch);

// Samples first .. first + count - 1 of a number.
struct SampleRange {
  int64_t first = 0, count = 0, of = 0;
};

// The options with what these samples are given: the classes in turn; of a conditional model, the conditions and
// classes of items that are evenly spaced over `data`, masks being a function of (seed, item). Throws Error if it
// has no items.
GenerateOptions with_conditioning(GenerateOptions options, const Model& model, const Dataset& data,
                                  const SampleRange& range, uint64_t seed);

// n samples from the model, in the data's units, drawn by all processes together with_conditioning(). Without a
// condition, sample i is the same as in `diffuse sample` with the same seed.
SampleSource generated_samples(const Model& model, const GenerateOptions& options,
                               const EvaluationOptions& evaluation,
                               const std::shared_ptr<const Dataset>& data, int64_t n);

}  // namespace diffuse
