// Statistics of a data set's features in a file: what a FID compares samples with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "src/eval/feature_extractor.h"
#include "src/eval/frechet.h"

namespace diffuse {

struct ReferenceStatistics {
  GaussianStatistics gaussian;
  int64_t count = 0;        // samples they are of; 0 = not recorded
  std::string extractor{};  // SHA-1 of the feature network's file; "" = not recorded
};

// SHA-1 of mean and covariance, in hexadecimal: two figures with one digest have one reference.
std::string digest(const GaussianStatistics& statistics);

// An .npz of mu [D] and sigma [D, D], which pytorch-fid reads too, with `count` (int64) and
// `extractor` (uint8 [20]) beside them.
void write_statistics(const std::filesystem::path& path, const ReferenceStatistics& statistics);

// Reads such a file, or one of pytorch-fid's, which has mu and sigma alone. Throws Error naming it.
ReferenceStatistics read_statistics(const std::filesystem::path& path);

// Throws Error where the statistics are of another network's features; warns where they do not say.
void check_extractor(const ReferenceStatistics& reference, const FeatureExtractor& extractor);

}  // namespace diffuse
