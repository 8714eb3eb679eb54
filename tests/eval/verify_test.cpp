#include "src/eval/verify.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace diffuse {
namespace {

std::vector<std::string> failures(const VerifyOptions& options) {
  std::vector<std::string> names;
  for (const VerifyCheck& check : verify(options))
    if (!check.pass) names.push_back(check.name);
  return names;
}

TEST(Verify, PassesAndNamesEachCheckOnce) {
  const auto checks = verify();
  std::set<std::string> names;
  for (const VerifyCheck& check : checks) {
    EXPECT_TRUE(check.pass) << check.name << ": " << check.value << ", expected " << check.expected
                            << " within " << check.tolerance;
    EXPECT_TRUE(names.insert(check.name).second) << check.name;
  }
  for (const char* const name :
       {"eq1_bayes", "eq2_telescopes", "eq3_of_eq6_is_eq8", "eq9_is_the_kl_beta", "oracle_bound",
        "chain_variance_is_eq5", "bins_sum_to_1", "ddim_eta_1_is_ancestral", "order_of_ddim",
        "golden_alpha_bar_linear_1000", "order_of_euler_vp", "order_of_heun_flow", "ode_bits_ve",
        "samples_as_of_edm_subvp", "corrector_error_by_its_predictors"})
    EXPECT_TRUE(names.contains(name)) << name;
}

TEST(Verify, OfAnotherSeedPasses) { EXPECT_EQ(failures({.seed = 7}), std::vector<std::string>{}); }

// A part in ten thousand on one quantity, and a check that speaks of it fails.
TEST(Verify, NoticesEveryWrongCoefficient) {
  struct Case {
    VerifyFaults faults;
    std::vector<std::string> parts;
    std::vector<const char*> checks;
  };
  constexpr double kOff = 1.0001;
  for (const Case& c :
       {Case{{.beta = kOff}, {"references"}, {"golden_alpha_bar_linear_1000"}},
        Case{{.coef_x0 = kOff}, {"identities"}, {"eq3_of_eq6_is_eq8"}},
        Case{{.posterior_variance = kOff}, {"identities"}, {"eq1_bayes"}},
        Case{{.weight = kOff}, {"identities"}, {"eq9_is_the_kl_posterior"}},
        Case{{.denoiser = kOff},
             {"oracle", "flow"},
             {"ancestral_variance_beta_s2_0.25", "score_of_a_mixture_flow"}},
        Case{{.noise = kOff},
             {"chain", "subvp", "vp"},
             {"chain_variance_is_eq5", "steps_make_the_marginals_subvp", "samples_as_of_edm_vp"}},
        Case{{.prediction = kOff}, {"ve"}, {"conversions_ve"}},
        Case{{.denoiser = 1.02}, {"edm", "vp"}, {"ode_bits_edm", "order_of_heun_vp"}},
        Case{{.noise = 1.1}, {"corrector"}, {"corrector_error_by_its_predictors"}}}) {
    const auto failed = failures({.faults = c.faults, .parts = c.parts});
    for (const char* const check : c.checks)
      EXPECT_NE(std::find(failed.begin(), failed.end(), check), failed.end()) << check;
  }
}

}  // namespace
}  // namespace diffuse
