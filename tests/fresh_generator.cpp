// Before each test, LibTorch's generator as in a new process: what a test draws does not depend on its neighbours.
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <mutex>

namespace diffuse {
namespace {

class FreshGenerator : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override {
    at::Generator generator = at::detail::getDefaultCPUGenerator();
    const std::lock_guard lock(generator.mutex());
    generator.set_current_seed(c10::default_rng_seed_val);
  }
};

[[maybe_unused]] const bool listening = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new FreshGenerator);
  return true;
}();

}  // namespace
}  // namespace diffuse
