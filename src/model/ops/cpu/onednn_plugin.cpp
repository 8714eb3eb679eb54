// libdiffuse_onednn.so: the only part linked to oneDNN.
#include <array>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>

#include "onednn.h"

namespace diffuse::ops::cpu::onednn {

namespace {

// A primitive's parameters: sizes and strides of a, b and c, `accumulate` and `threads`.
using Key = std::array<int64_t, 20>;

struct Product {
  dnnl::memory::desc a, b, c;
  dnnl::matmul primitive;
  dnnl::memory scratchpad;
};

const dnnl::engine& processor() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

Key key_of(const Matrices& a, const Matrices& b, const Matrices& c, bool accumulate,
           int64_t threads) {
  Key key{};
  size_t i = 0;
  for (const Matrices* const m : {&a, &b, &c})
    for (size_t d = 0; d < 3; ++d) {
      key[i++] = m->sizes[d];
      key[i++] = m->strides[d];
    }
  key[i++] = accumulate ? 1 : 0;
  key[i] = threads;
  return key;
}

dnnl::memory::desc describe(const Matrices& m) {
  return {{m.sizes.begin(), m.sizes.end()},
          dnnl::memory::data_type::f32,
          dnnl::memory::dims(m.strides.begin(), m.strides.end())};
}

Product make(const Matrices& a, const Matrices& b, const Matrices& c, bool accumulate) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1);
    attributes.set_post_ops(sum);
  }
  Product product{describe(a), describe(b), describe(c), {}, {}};
  const dnnl::matmul::primitive_desc plan({product.a, product.b, product.c}, attributes,
                                          processor());
  product.primitive = dnnl::matmul(plan);
  product.scratchpad = dnnl::memory(plan.scratchpad_desc(), processor());
  return product;
}

}  // namespace

static void execute(const Matrices& a, const Matrices& b, const Matrices& c, bool accumulate,
                    int64_t threads) {
  thread_local std::map<Key, Product> products;
  thread_local dnnl::stream stream(processor());
  const Key key = key_of(a, b, c, accumulate, threads);
  auto found = products.find(key);
  if (found == products.end()) found = products.emplace(key, make(a, b, c, accumulate)).first;
  const Product& product = found->second;
  product.primitive.execute(stream,
                            {{DNNL_ARG_SRC, dnnl::memory(product.a, processor(), a.data)},
                             {DNNL_ARG_WEIGHTS, dnnl::memory(product.b, processor(), b.data)},
                             {DNNL_ARG_DST, dnnl::memory(product.c, processor(), c.data)},
                             {DNNL_ARG_SCRATCHPAD, product.scratchpad}});
  stream.wait();
}

}  // namespace diffuse::ops::cpu::onednn

using namespace diffuse::ops::cpu::onednn;

extern "C" const char* diffuse_onednn_version() {
  static const dnnl::version_t& found = *dnnl::version();
  static const std::string text = std::to_string(found.major) + "." + std::to_string(found.minor) +
                                  "." + std::to_string(found.patch);
  return text.c_str();
}

extern "C" void diffuse_onednn_multiply(const Matrices& a, const Matrices& b, const Matrices& c,
                                        bool accumulate, int64_t threads) {
  execute(a, b, c, accumulate, threads);
}
