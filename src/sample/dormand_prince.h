// The method of Dormand and Prince for ordinary differential equations: order 5, in steps chosen by an estimate
// of order 4 of their errors. [Dormand80]
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace diffuse {

// Each row takes steps of its own length, so that its result does not depend on the others of its batch. As in
// scipy's RK45, a step's error relative to tolerance (1 + |y|) has a norm of at most 1 ([Hairer93] sec. II.4), except of
// steps as short as 1 % of u, which are taken with any error. So u must keep its sign.
class DormandPrince {
 public:
  // dy/du for rows y [B, ...], each at its own u.
  using Slope = std::function<at::Tensor(const at::Tensor& y, const std::vector<double>& u)>;

  // The sizes [B] of relative errors [B, ...].
  using Norm = std::function<at::Tensor(const at::Tensor& errors)>;
  static at::Tensor root_mean_square(const at::Tensor& errors);

  explicit DormandPrince(double tolerance, Norm norm = root_mean_square)
      : tolerance_(tolerance), norm_(std::move(norm)) {}

  // Before the first advance, and wherever the next one does not go on from the last: `first` is the length of the
  // first step of each row, with its sign.
  void start(int64_t rows, double first);

  // y at `end`, from y at `begin` with dy/du = slope there.
  at::Tensor advance(at::Tensor y, at::Tensor slope, double begin, double end, const Slope& f);

 private:
  // A step of each row's h from y: its end, the slope there and the error.
  struct Step {
    at::Tensor y, slope, error;
  };
  Step attempt(const at::Tensor& y, const at::Tensor& slope, const Slope& f) const;

  // Accepts or rejects the steps by their errors, and chooses the next ones: 1 or 0 for each row.
  std::vector<double> judge(const std::vector<double>& errors, double end);

  struct Row {
    double u = 0, length = 0;  // its place, and the length of its next step
    double h = 0;              // the same, cut off at the end
  };
  double tolerance_;
  Norm norm_;
  std::vector<Row> rows_;
};

}  // namespace diffuse
