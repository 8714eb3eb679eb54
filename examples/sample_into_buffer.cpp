// Draws samples of a trained model into your own memory, through the C interface.
//   sample_into_buffer model.pt
#include <diffuse/diffuse.h>

#include <cstdio>
#include <vector>

int main(int argc, char** argv) {
  diffuse_model* model = diffuse_load(argc > 1 ? argv[1] : "model.pt", "auto");
  if (model == nullptr) {
    std::fprintf(stderr, "%s\n", diffuse_last_error());
    return 2;
  }
  int64_t shape[3] = {1, 1, 1};
  diffuse_sample_shape(model, shape);
  constexpr int64_t kCount = 4;
  std::vector<float> samples(static_cast<size_t>(kCount * shape[0] * shape[1] * shape[2]));
  const int failed =
      diffuse_sample(model, 0, kCount, /*seed=*/7, "ddim", /*steps=*/10, samples.data());
  if (failed != 0) std::fprintf(stderr, "%s\n", diffuse_last_error());
  std::printf("%zu numbers, the first one %g\n", samples.size(), samples[0]);
  diffuse_free(model);
  return failed == 0 ? 0 : 1;
}
