#include "src/sample/depths.h"

#include <gtest/gtest.h>

#include "tests/message_of.h"

namespace diffuse {
namespace {

using Depths = std::vector<double>;

TEST(ParseDepths, AreStepsOfAChainAndFractionsOfContinuousTime) {
  DiffusionConfig chain, flow;
  chain.timesteps = 401;
  flow.process = ProcessKind::kFlow;
  EXPECT_EQ(parse_depths("", chain), Depths{200});
  EXPECT_EQ(parse_depths("", flow), Depths{0.5});
  EXPECT_EQ(parse_depths("401,0,7", chain), (Depths{401, 0, 7}));
  EXPECT_EQ(parse_depths("1,0.25", flow), (Depths{1, 0.25}));
  const auto refusal = [](const std::string& text, const DiffusionConfig& config) {
    return message_of([&] { parse_depths(text, config); });
  };
  EXPECT_EQ(refusal("3,402", chain),
            "--depth: expected diffusion steps from 0 to 401, got \"402\"");
  EXPECT_EQ(refusal("0.5", chain), "--depth: expected diffusion steps from 0 to 401, got \"0.5\"");
  EXPECT_EQ(refusal("1,", chain), "--depth: expected diffusion steps from 0 to 401, got \"\"");
  EXPECT_EQ(refusal("1.5", flow),
            "--depth: expected fractions of the time from 0 to 1, got \"1.5\"");
}

}  // namespace
}  // namespace diffuse
