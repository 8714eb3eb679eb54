// Checks of the mathematics on this machine: the post's identities, and independent values (closed forms
// for Gaussian data, published tables and vectors).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace diffuse {

// Factors on computed quantities, normally 1. Tests change one and expect a check to fail.
struct VerifyFaults {
  double beta = 1;                // of the linear schedules
  double coef_x0 = 1;             // of the posterior's mean, eq. 3
  double posterior_variance = 1;  // eq. 3
  double weight = 1;              // eq. 9
  double denoiser = 1;            // output of the exact network
  double noise = 1;               // added by a forward, reverse or training step
  double prediction = 1;          // of x_0 and noise from the network's output
};

struct VerifyOptions {
  uint64_t seed = 0;
  VerifyFaults faults{};
  // Of references, identities, chain, paths, oracle, vp, subvp, ve, edm, flow and corrector, those that are run;
  // empty: all.
  std::vector<std::string> parts{};
};

struct VerifyCheck {
  std::string name;
  double value = 0, expected = 0, tolerance = 0;
  bool pass = false;  // |value - expected| <= tolerance
};

// Runs all checks in float64 on the CPU, also after failures. Takes a few seconds.
std::vector<VerifyCheck> verify(const VerifyOptions& options = {});

}  // namespace diffuse
