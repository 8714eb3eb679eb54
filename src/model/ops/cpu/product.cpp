#include "product.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "diffuse/core/error.h"
#include "jobs.h"
#include "processor.h"
#include "src/model/cpu_products.h"
#include "vector_kernels.h"

namespace diffuse::ops::cpu {

static ProductEngine choose_engine() {
  const char* const variable = std::getenv("DIFFUSE_CPU_PRODUCTS");
  const std::string named = variable == nullptr ? "" : variable;
  if (named == "libtorch") return ProductEngine::kLibTorch;
  if (named == "diffuse") return ProductEngine::kOwn;
  if (!named.empty())
    throw Error("DIFFUSE_CPU_PRODUCTS: expected libtorch or diffuse, got \"", named, "\"",
                did_you_mean(named, {"libtorch", "diffuse"}));
  return mkl_leaves_avx512_unused() ? ProductEngine::kOwn : ProductEngine::kLibTorch;
}

ProductEngine product_engine() {
  static const ProductEngine engine = choose_engine();
  return engine;
}

// `x` must live as long as the matrix.
static Matrix matrix_of(const at::Tensor& x) {
  return {x.const_data_ptr<float>(), x.size(0), x.size(1), x.stride(0), x.stride(1)};
}

static at::Tensor with_lines(const at::Tensor& x) {
  return x.stride(0) == 1 || x.stride(1) == 1 ? x : x.contiguous();
}

// How a product is divided into jobs: sums over parts of the inner dimension, each of parts of rows and columns.
struct Division {
  int64_t sums, rows, columns;
  int64_t jobs() const { return sums * rows * columns; }
};

static Division divide(int64_t rows, int64_t inner, int64_t columns) {
  constexpr int64_t kMostRows = 512, kFewestRows = 32, kFewestInner = 1024;
  constexpr int64_t kSmall = 1 << 18;  // multiplications: over before other threads would begin
  // The number of sums sets the rounding, so it must not depend on the number of threads.
  const int64_t blocks = ceil_divide(rows, 64) * ceil_divide(columns, 64);
  const int64_t sums =
      std::clamp<int64_t>(8 / blocks, 1, std::max<int64_t>(1, inner / kFewestInner));
  const bool small = rows * inner * columns < kSmall;
  const int64_t threads = small ? 1 : at::get_num_threads();
  Division d{sums, ceil_divide(rows, kMostRows), 1};
  const auto row_part = [&] { return ceil_divide(rows, d.rows); };
  const auto column_part = [&] { return ceil_divide(columns, d.columns); };
  while (d.jobs() < threads && (row_part() > kBlock || column_part() > kPanel))
    column_part() > std::max(row_part(), kPanel) ? d.columns *= 2 : d.rows *= 2;
  // As many jobs for each thread, if that does not take too small ones.
  Division even = d;
  while (even.jobs() % threads != 0 && rows / even.rows > kFewestRows) ++even.rows;
  return even.jobs() % threads == 0 ? even : d;
}

static void check_sizes(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b,
                        bool accumulate, const at::Tensor& bias) {
  TORCH_CHECK(a.size(0) == c.size(0) && b.size(0) == a.size(1) && b.size(1) == c.size(1),
              "a product of ", a.sizes(), " and ", b.sizes(), " into ", c.sizes());
  if (!bias.defined()) return;
  TORCH_CHECK(bias.dim() == 1 && bias.size(0) == c.size(1), "a bias of ", bias.sizes(),
              " for a product of ", c.sizes());
  TORCH_CHECK(!accumulate, "a product with a bias is not added to another");
}

void multiply_by(ProductKernel& kernel, const at::Tensor& c, const at::Tensor& a,
                 const at::Tensor& b, bool accumulate, const at::Tensor& bias) {
  const int64_t rows = c.size(0), columns = c.size(1), inner = a.size(1);
  check_sizes(c, a, b, accumulate, bias);
  TORCH_CHECK(c.stride(1) == 1 || columns == 1, "the rows of a product must be contiguous");
  if (c.numel() == 0) return;
  const at::Tensor left = with_lines(a), right = with_lines(b),
                   added = bias.defined() ? bias.contiguous() : bias;
  const Division d = divide(rows, inner, columns);
  const Product whole{c.mutable_data_ptr<float>(), c.stride(0),
                      bias.defined() ? added.const_data_ptr<float>() : nullptr, accumulate};
  const at::Tensor others =
      d.sums > 1 ? at::empty({d.sums - 1, rows, columns}, c.options()) : at::Tensor();
  const Matrix l = matrix_of(left), r = matrix_of(right);
  for_jobs(d.jobs(), product_scratch(ceil_divide(rows, d.rows)), [&](int64_t job, float* scratch) {
    const int64_t sum = job / (d.rows * d.columns);
    const Range part = part_of(inner, sum, d.sums, kBlock);
    Product to = whole;
    if (sum > 0)
      to = {others.mutable_data_ptr<float>() + (sum - 1) * rows * columns, columns, nullptr, false};
    kernel({l.at(0, part.begin), l.rows, part.size(), l.row_stride, l.column_stride},
           {r.at(part.begin, 0), part.size(), r.columns, r.row_stride, r.column_stride},
           part_of(rows, job / d.columns % d.rows, d.rows),
           part_of(columns, job % d.columns, d.columns, kPanel), to, scratch);
  });
  for (int64_t i = 0; i + 1 < d.sums; ++i) c.add_(others[i]);
}

void multiply(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, bool accumulate,
              const at::Tensor& bias, ProductEngine engine) {
  if (engine == ProductEngine::kOwn)
    return multiply_by(*vector_kernels().product, c, a, b, accumulate, bias);
  check_sizes(c, a, b, accumulate, bias);
  at::Tensor to = c;
  if (bias.defined()) to.copy_(bias);  // in each row
  accumulate || bias.defined() ? to.addmm_(a, b) : at::mm_out(to, a, b);
}

}  // namespace diffuse::ops::cpu

namespace diffuse {

std::string cpu_products() {
  return ops::cpu::product_engine() == ops::cpu::ProductEngine::kOwn ? "diffuse" : "libtorch";
}

std::string cpu_vectors() { return ops::cpu::vector_kernels().vectors; }

at::Tensor cpu_product(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor product = at::empty({a.size(0), b.size(1)}, a.options());
  ops::cpu::multiply(product, a, b, false);
  return product;
}

}  // namespace diffuse
