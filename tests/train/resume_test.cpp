#include "src/train/resume.h"

#include <gtest/gtest.h>

#include "diffuse/core/error.h"

namespace diffuse {
namespace {

// A checkpoint of version 0.1.0 on images of any numbers is read as one of 8-bit values.
TEST(CheckSameModel, LeavesWhatASampleIsToTheData) {
  Config config;
  config.model.sample_shape = {1, 8, 8};
  config.model.sample_kind = SampleKind::kFloatImage;
  Checkpoint checkpoint;
  checkpoint.config = config;
  checkpoint.config.model.sample_kind = SampleKind::kImage;
  EXPECT_NO_THROW(check_same_model(config, checkpoint));
  checkpoint.config.model.sample_shape = {3, 8, 8};
  EXPECT_THROW(check_same_model(config, checkpoint), Error);
}

TEST(CheckSameModel, ComparesTheProcess) {
  Config config;
  config.diffusion.process = ProcessKind::kVp;
  EXPECT_THROW(check_same_model(config, Checkpoint{}), Error);
}

}  // namespace
}  // namespace diffuse
