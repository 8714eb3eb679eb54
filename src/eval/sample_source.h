// Where the samples of an evaluation come from: a file, a folder, a data set or the model itself.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "diffuse/eval/evaluation.h"
#include "diffuse/model_file/model.h"
#include "src/eval/sample_metrics.h"

namespace diffuse {

// The first n (0 = all) of what `diffuse sample` writes and its like: an .npz of arr_0, uint8
// [N, H, W, C]; an .npy of float32 [N, C, H, W] in [-1, 1] or points [N, D]; a folder of
// pictures, in the order of their names. Throws Error naming the file, also where samples are not
// of `shape`.
SampleSource stored_samples(const std::filesystem::path& path, const std::vector<int64_t>& shape,
                            int64_t n, int64_t batch);

// n of a set's items, spread evenly over it, in the units of the data.
SampleSource items_of(const std::shared_ptr<const Dataset>& data, int64_t n, int64_t batch);

// n samples from the model, in the units of its data, drawn by all processes together: sample i is that
// of `diffuse sample` with the same seed.
SampleSource generated_samples(const Model& model, const GenerateOptions& options,
                               const EvaluationOptions& evaluation, int64_t n);

}  // namespace diffuse
