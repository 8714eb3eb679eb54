// The mathematics checked on this machine: the post's identities, and values that do not come from
// this program (closed forms for Gaussian data, published tables and vectors).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace diffuse {

// Factors on what the program computes; all 1 in use. Tests set one to see that checks notice.
struct VerifyFaults {
  double beta = 1;                // of the linear schedules
  double coef_x0 = 1;             // of the posterior's mean, eq. 3
  double posterior_variance = 1;  // eq. 3
  double weight = 1;              // eq. 9
  double denoiser = 1;            // the exact network's output
  double noise = 1;               // what a forward, a reverse or a training step adds
};

struct VerifyOptions {
  uint64_t seed = 0;
  VerifyFaults faults{};
};

struct VerifyCheck {
  std::string name;
  double value = 0, expected = 0, tolerance = 0;
  bool pass = false;  // |value - expected| <= tolerance
};

// Runs every check in float64 on the CPU, whatever becomes of the others: some seconds.
std::vector<VerifyCheck> verify(const VerifyOptions& options = {});

}  // namespace diffuse
