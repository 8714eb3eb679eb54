#include "src/distributed/reason.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace diffuse {

// As Gloo of LibTorch 2.11 says it.
TEST(Reason, LeavesOutWhereInTheSourcesItWasThrown) {
  const std::runtime_error gloo(
      "Gloo connectFullMesh failed with [/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:152] "
      "timed out connecting: SO_ERROR: Connection refused, remote=[127.0.1.1]:6545");
  EXPECT_EQ(reason_of(gloo),
            "Gloo connectFullMesh failed with timed out connecting: SO_ERROR: Connection refused, "
            "remote=[127.0.1.1]:6545");
}

TEST(Reason, LeavesOutBacktraces) {
  try {
    TORCH_CHECK(false, "no network");
  } catch (const std::exception& error) {
    EXPECT_EQ(reason_of(error), "no network");
  }
}

}  // namespace diffuse
