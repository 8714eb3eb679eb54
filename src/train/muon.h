// Muon: the momentum of a matrix is replaced by the nearest matrix with orthonormal rows or columns, so that all
// directions of a layer learn equally fast.                                           [Jordan24]
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <vector>

#include "diffuse/config/config.h"
#include "src/train/optimizer.h"

namespace diffuse {

// Whether Muon updates a parameter: matrices, and filters as matrices [out, rest], of more than one row
// and column.
bool is_matrix(const at::Tensor& parameter);

// U V^T of a matrix U S V^T [rows, columns], to about 0.3: five Newton-Schulz iterations, which map every
// singular value to between 0.7 and 1.2.
at::Tensor orthogonalised(const at::Tensor& matrix);

// The optimiser of config.optimizer: Adam, AdamW, or Muon for matrices with AdamW for the rest. An
// update of Muon is scaled by 0.2 √max(rows, columns), the size of Adam's, so that one learning rate and
// weight decay are right for both.                                                      [Liu25]
class Optimizer {
 public:
  // As Adam's.
  Optimizer(const TrainConfig& config, const std::vector<at::Tensor>& parameters,
            c10::Device device, const std::vector<double>& factors = {});

  // Like Adam::step().
  void step(double learning_rate, const at::Tensor& found_inf);

  // In the parameters' order. Muon's matrices have only a first moment: their second is undefined.
  const std::vector<at::Tensor>& first_moment() const { return first_moment_; }
  const std::vector<at::Tensor>& second_moment() const { return second_moment_; }
  const at::Tensor& count() const { return adam_.count(); }

 private:
  TrainConfig config_;
  std::vector<at::Tensor> matrices_, momentum_;
  std::vector<double> matrix_factors_;
  Adam adam_;
  std::vector<at::Tensor> first_moment_, second_moment_;
};

}  // namespace diffuse
