// The noise levels between which the bound is a sum.
#pragma once

#include <cstdint>

#include "diffuse/diffusion/process.h"

namespace diffuse {

// Rows 0 .. count - 1: the timesteps of a chain; in continuous time 1000 evenly spaced times, and the bound is that
// of the chain over their levels. The data come before row 0.
class BoundLevels {
 public:
  explicit BoundLevels(const Process& process);

  int64_t count() const { return at_.time.size(0); }

  // row int64 [B], on the device of the levels -> [B] each, on that device.
  Levels at(const at::Tensor& row) const { return select(at_, row); }
  Levels before(const at::Tensor& row) const { return select(before_, row); }

 private:
  static Levels select(const Levels& table, const at::Tensor& row);

  Levels at_, before_;  // [count] on the CPU
};

}  // namespace diffuse
