#include "dropout.h"

#include <ATen/ops/dropout.h>

#include "cpu/dropout.h"
#include "cuda/dropout.h"
#include "src/model/dropout_scope.h"

namespace diffuse::ops {

at::Tensor dropout_rows(const at::Tensor& h) {
  return cuda::takes_dropout(h) ? DropoutScope::rows_on(h.device()) : at::Tensor();
}

at::Tensor dropout(const at::Tensor& h, const Dropout& options) {
  if (options.p == 0) return h;
  if (const at::Tensor rows = dropout_rows(h); rows.defined())
    return cuda::dropout(h, options.p, options.layer, rows);
  const DropoutScope::Keys keys = DropoutScope::current();
  if (keys && h.is_cpu()) return cpu::dropout(h, options.p, options.layer, *keys);
  return at::dropout(h, options.p, /*train=*/true);
}

}  // namespace diffuse::ops
