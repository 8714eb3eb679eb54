// libdiffuse_cuda.so wants of LibTorch's CUDA library what that has: no driver is needed to see it.
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace fs = std::filesystem;

namespace diffuse {
namespace {

TEST(CudaPlugin, FindsAllItsFunctionsInLibTorch) {
  const char* const library = std::getenv("DIFFUSE_LIBRARY");
  const fs::path plugin =
      fs::path(library == nullptr ? "" : library).parent_path() / "libdiffuse_cuda.so";
  if (!fs::exists(plugin)) GTEST_SKIP() << "this build has no " << plugin;
  Dl_info torch{};
  ASSERT_NE(dladdr(reinterpret_cast<const void*>(&at::get_num_threads), &torch), 0);
  const fs::path cuda = fs::path(torch.dli_fname).parent_path() / "libtorch_cuda.so";
  if (dlopen(cuda.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) GTEST_SKIP() << dlerror();
  void* const loaded = dlopen(plugin.c_str(), RTLD_NOW);
  ASSERT_NE(loaded, nullptr) << dlerror();
  EXPECT_NE(dlsym(loaded, "diffuse_make_step_graph"), nullptr);
}

}  // namespace
}  // namespace diffuse
