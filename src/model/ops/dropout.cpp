#include "dropout.h"

#include <ATen/ops/dropout.h>

#include "cpu/dropout.h"
#include "src/model/dropout_scope.h"

namespace diffuse::ops {

at::Tensor dropout(const at::Tensor& h, const Dropout& options) {
  if (options.p == 0) return h;
  const DropoutScope::Keys keys = DropoutScope::current();
  if (keys && h.is_cpu()) return cpu::dropout(h, options.p, options.layer, *keys);
  return at::dropout(h, options.p, /*train=*/true);
}

}  // namespace diffuse::ops
