#include "src/eval/inception_score.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "diffuse/core/error.h"
#include "tests/eval/features.h"

namespace diffuse {
namespace {

at::Tensor probabilities() { return (3 * sample_features(333, 8)).softmax(1); }

// tests/reference/metrics_reference.py: torch-fidelity, ten splits of 33 or 34.
void expect_reference(const InceptionScore& score) {
  EXPECT_NEAR(score.result().mean, 2.050901398057448, 1e-9);
  EXPECT_NEAR(score.result().deviation, 0.06779010307918121, 1e-9);
}

TEST(InceptionScore, EqualsTorchFidelitys) {
  InceptionScore score(333, 10);
  for (int64_t first = 0; first < 333; first += 50)
    score.add(first, probabilities().slice(0, first, first + 50));
  expect_reference(score);
}

TEST(InceptionScore, OfPartsMergesToThatOfAll) {
  InceptionScore score(333, 10), rest(333, 10), none(333, 10);
  rest.add(100, probabilities().slice(0, 100));
  score.merge(none);
  score.merge(rest);
  rest = InceptionScore(333, 10);
  rest.add(0, probabilities().slice(0, 0, 100));
  score.merge(rest);
  expect_reference(score);
}

// Sure of one class each, evenly: as many as there are classes. Always the same guess: 1.
TEST(InceptionScore, LiesBetweenOneAndTheClasses) {
  InceptionScore best(40, 2), worst(40, 2);
  best.add(0, at::eye(4).repeat({10, 1}));
  worst.add(0, at::tensor({0.7, 0.2, 0.1, 0.0}).repeat({40, 1}));
  EXPECT_NEAR(best.result().mean, 4, 1e-12);
  EXPECT_NEAR(worst.result().mean, 1, 1e-12);
}

TEST(InceptionScore, WantsEverySample) {
  InceptionScore score(4, 2);
  score.add(0, at::eye(3));
  EXPECT_THROW(score.result(), c10::Error);
  EXPECT_THROW(InceptionScore(3, 4), Error);
}

}  // namespace
}  // namespace diffuse
