#include "src/train/muon.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace diffuse {
namespace {

at::Tensor matrix(int64_t rows, int64_t columns) {
  return at::arange(rows * columns, at::kDouble).sin().view({rows, columns});
}

// The singular vectors stay; every singular value comes between 0.65 and 1.25.
TEST(Muon, SendsSingularValuesNearOne) {
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{6, 6}, {3, 8}, {9, 4}}) {
    const at::Tensor x = matrix(rows, columns) + at::eye(rows, columns, at::kDouble);
    const auto [u, s, v] = at::linalg_svd(x, /*full_matrices=*/false);
    const at::Tensor seen = u.t().matmul(orthogonalised(x)).matmul(v.t());
    const at::Tensor values = seen.diagonal();
    EXPECT_GT(values.min().item<double>(), 0.65) << rows << values;
    EXPECT_LT(values.max().item<double>(), 1.25) << rows << values;
    EXPECT_LT((seen - at::diag(values)).abs().max().item<double>(), 1e-6) << rows;
  }
}

// Keller Jordan's five iterations on [[3, 1], [1, 2]] in plain Python: tests/reference/muon_reference.py.
TEST(Muon, IsTheNewtonSchulzIterationOfJordan) {
  const at::Tensor x = at::tensor({3.0, 1.0, 1.0, 2.0}, at::kDouble).view({2, 2});
  const at::Tensor expected = at::tensor({0.8296530307274326, -0.14278010516549733,
                                          -0.14278010516549766, 0.972433135892929},
                                         at::kDouble)
                                  .view({2, 2});
  EXPECT_TRUE(at::allclose(orthogonalised(x), expected, 1e-9, 1e-9)) << orthogonalised(x);
}

struct Toy {
  at::Tensor filter = at::ones({4, 3, 2, 2}).requires_grad_(),
             bias = at::ones({4}).requires_grad_(), row = at::ones({1, 5}).requires_grad_();
  std::vector<at::Tensor> parameters() const { return {bias, filter, row}; }
  void backward(double scale) const {
    const at::Tensor slope = (0.37 * at::arange(48, at::kFloat).square()).cos().view({4, 3, 2, 2});
    (scale * ((filter * slope).sum() + bias.sum() + row.sum())).backward();
  }
};

TrainConfig muon() {
  TrainConfig config;
  config.optimizer = OptimizerKind::kMuon;
  return config;
}

// Of a filter as a matrix [4, 12] the update's size is that of Adam's, 0.2 a number: 0.2 √12 / √12.
TEST(Muon, UpdatesMatricesByAdamsSizeAndTheRestByAdam) {
  const Toy toy;
  Optimizer optimizer(muon(), toy.parameters(), c10::kCPU);
  toy.backward(1e-3);
  optimizer.step(0.1, at::zeros({}));
  const at::Tensor change = (1 - toy.filter).detach() / 0.1;
  EXPECT_NEAR(change.square().mean().sqrt().item<double>(), 0.2, 0.06);
  EXPECT_NEAR(toy.bias[0].item<double>(), 0.9, 1e-4);  // Adam's first step is the rate
  EXPECT_NEAR(toy.row[0][0].item<double>(), 0.9, 1e-4);
  ASSERT_EQ(optimizer.first_moment().size(), 3u);
  EXPECT_TRUE(optimizer.second_moment()[0].defined());
  EXPECT_FALSE(optimizer.second_moment()[1].defined());
  EXPECT_NEAR(optimizer.first_moment()[1].flatten()[0].item<double>(), 0.05 * 1e-3, 1e-9);
}

TEST(Muon, DecaysTheWeightsApartFromTheGradient) {
  const Toy toy, plain;
  TrainConfig config = muon();
  Optimizer without(config, plain.parameters(), c10::kCPU);
  config.weight_decay = 0.5;
  Optimizer with(config, toy.parameters(), c10::kCPU);
  for (const Toy* const each : {&toy, &plain}) each->backward(1);
  with.step(0.1, at::zeros({}));
  without.step(0.1, at::zeros({}));
  EXPECT_TRUE(at::allclose(plain.filter - toy.filter, at::full({4, 3, 2, 2}, 0.05), 1e-5, 1e-6));
}

TEST(Muon, SkipsAnUpdateWhoseGradientsAreNotFinite) {
  const Toy toy;
  Optimizer optimizer(muon(), toy.parameters(), c10::kCPU);
  toy.backward(NAN);
  optimizer.step(0.1, at::ones({}));
  EXPECT_TRUE(at::equal(toy.filter, at::ones({4, 3, 2, 2})));
  EXPECT_TRUE(at::equal(optimizer.first_moment()[1], at::zeros({4, 3, 2, 2})));
  EXPECT_EQ(optimizer.count().item<float>(), 0);
}

}  // namespace
}  // namespace diffuse
