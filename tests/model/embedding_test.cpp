#include "src/model/embedding.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace diffuse {
namespace {

// diffusers' get_timestep_embedding, t = 7 and 999: tests/reference/unet_reference.py
TEST(SinusoidalEmbedding, MatchesDiffusersInBothOrders) {
  const at::Tensor t = at::tensor({7, 999}, at::kLong);
  const at::Tensor ho =
      at::tensor({0.65698659, 0.31922466, 0.01508047, 0.0007, 0.75390226, 0.94767904, 0.99988627,
                  0.99999976, -0.02646075, 0.68486142, 0.83564848, 0.09973391, 0.99964982,
                  -0.72867334, -0.54926467, 0.99501413},
                 at::kDouble);
  const at::Tensor nichol = at::tensor(
      {0.7539023, 0.7648422, 0.9975510, 0.9999755, 0.6569866, 0.6442176, 0.0699428, 0.0069999,
       0.9996498, 0.8074551, -0.8444698, 0.5411435, -0.0264608, -0.5899291, -0.5356032, 0.8409302},
      at::kDouble);
  EXPECT_TRUE(
      at::allclose(sinusoidal_embedding(t, 8, false, 1).flatten().to(at::kDouble), ho, 0, 1e-4));
  EXPECT_TRUE(
      at::allclose(sinusoidal_embedding(t, 8, true, 0).flatten().to(at::kDouble), nichol, 0, 1e-4));
}

}  // namespace
}  // namespace diffuse
