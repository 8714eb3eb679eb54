#include "product.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cstdlib>
#include <string>

#include "diffuse/core/error.h"
#include "onednn.h"
#include "processor.h"
#include "src/model/cpu_products.h"
#include "winograd_kernel.h"

namespace diffuse::ops::cpu {

static ProductEngine choose_engine() {
  const char* const variable = std::getenv("DIFFUSE_CPU_PRODUCTS");
  const std::string named = variable == nullptr ? "" : variable;
  if (named == "libtorch") return ProductEngine::kLibTorch;
  if (named == "onednn" && onednn::version().empty())
    throw Error("DIFFUSE_CPU_PRODUCTS: onednn is not available (libdiffuse_onednn.so, built if ",
                "libdnnl-dev is installed, and libdnnl); use libtorch");
  if (named == "onednn") return ProductEngine::kOneDnn;
  if (!named.empty())
    throw Error("DIFFUSE_CPU_PRODUCTS: expected libtorch or onednn, got \"", named, "\"",
                did_you_mean(named, {"libtorch", "onednn"}));
  return mkl_leaves_avx512_unused() && !onednn::version().empty() ? ProductEngine::kOneDnn
                                                                  : ProductEngine::kLibTorch;
}

ProductEngine product_engine() {
  static const ProductEngine engine = choose_engine();
  return engine;
}

// As the library needs them: three dimensions, one of the last two with a stride of 1, and for dimensions of
// size 1, whose stride is arbitrary, the stride of a contiguous tensor.
static at::Tensor plain(const at::Tensor& x) {
  const at::Tensor three = x.dim() == 2 ? x.unsqueeze(0) : x;
  const bool fits = three.stride(1) == 1 || three.stride(2) == 1;
  return fits ? three : three.contiguous();
}

static onednn::Matrices matrices(const at::Tensor& x) {
  onednn::Matrices m{x.data_ptr<float>(), {}, {}};
  int64_t whole = 1;
  for (int64_t d = 2; d >= 0; --d) {
    m.sizes[d] = x.size(d);
    m.strides[d] = x.size(d) == 1 ? whole : x.stride(d);
    whole *= x.size(d);
  }
  return m;
}

static void multiply_by_onednn(const at::Tensor& sum, const at::Tensor& a, const at::Tensor& b,
                               bool accumulate) {
  const at::Tensor left = plain(a), right = plain(b), to = sum.dim() == 2 ? sum.unsqueeze(0) : sum;
  TORCH_CHECK(to.stride(2) == 1 || to.size(2) == 1, "the rows of a product must be contiguous");
  at::internal::lazy_init_num_threads();
  const int64_t threads = at::in_parallel_region() ? 1 : at::get_num_threads();
  onednn::multiply(matrices(left), matrices(right), matrices(to), accumulate, threads);
}

static void multiply_by_libtorch(at::Tensor sum, const at::Tensor& a, const at::Tensor& b,
                                 bool accumulate) {
  if (a.dim() == 3)
    accumulate ? sum.baddbmm_(a, b) : at::bmm_out(sum, a, b);
  else
    accumulate ? sum.addmm_(a, b) : at::mm_out(sum, a, b);
}

void multiply(const at::Tensor& sum, const at::Tensor& a, const at::Tensor& b, bool accumulate,
              ProductEngine engine) {
  if (engine == ProductEngine::kOneDnn)
    multiply_by_onednn(sum, a, b, accumulate);
  else
    multiply_by_libtorch(sum, a, b, accumulate);
}

}  // namespace diffuse::ops::cpu

namespace diffuse {

std::string cpu_products() {
  return ops::cpu::product_engine() == ops::cpu::ProductEngine::kOneDnn
             ? "onednn " + ops::cpu::onednn::version()
             : "libtorch";
}

std::string cpu_vectors() { return ops::cpu::winograd_kernels().vectors; }

at::Tensor cpu_product(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor product = at::empty({a.size(0), b.size(1)}, a.options());
  ops::cpu::multiply(product, a, b, false);
  return product;
}

}  // namespace diffuse
