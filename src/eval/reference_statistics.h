// Files with statistics of a data set's features, the reference of an FID.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "src/eval/feature_extractor.h"
#include "src/eval/frechet.h"

namespace diffuse {

struct ReferenceStatistics {
  GaussianStatistics gaussian;
  int64_t count = 0;        // number of samples; 0 = not recorded
  std::string extractor{};  // SHA-1 of the feature network's file; "" = not recorded
};

// SHA-1 of mean and covariance, in hexadecimal: equal digests mean equal references.
std::string digest(const GaussianStatistics& statistics);

// Writes an .npz of mu [D] and sigma [D, D], which pytorch-fid also reads, with `count` (int64) and
// `extractor` (uint8 [20]).
void write_statistics(const std::filesystem::path& path, const ReferenceStatistics& statistics);

// Reads such a file, or one of pytorch-fid's with only mu and sigma. Throws Error naming it.
ReferenceStatistics read_statistics(const std::filesystem::path& path);

// Throws Error if the statistics are from another feature network; warns if it is not recorded.
void check_extractor(const ReferenceStatistics& reference, const FeatureExtractor& extractor);

}  // namespace diffuse
