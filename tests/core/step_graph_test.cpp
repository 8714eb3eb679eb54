#include "src/core/step_graph.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "tests/fake_graph.h"

namespace diffuse {
namespace {

TEST(RepeatedWork, WarmsUpFourTimesThenRecordsOnceAndReplays) {
  FakeGraphs fake;
  const at::Tensor sum = at::zeros({});
  RepeatedWork work("a sum", fake.maker()(at::kCPU));
  for (int i = 1; i <= 10; ++i) {
    work.run([sum] { sum.add_(1); });
    EXPECT_EQ(sum.item<int>(), i);
  }
  EXPECT_EQ(fake.warm_ups, 4);
  EXPECT_EQ(fake.records, 1);
  EXPECT_EQ(fake.replays, 6);
}

TEST(RepeatedWork, RunsTheWorkItselfAfterAFailedRecordingAndWarnsOnce) {
  FakeGraphs fake{.fails = true};
  int count = 0;
  RepeatedWork work("a count", fake.maker()(at::kCPU));
  testing::internal::CaptureStderr();
  for (int i = 0; i < 10; ++i) work.run([&] { ++count; });
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(count, 10);
  EXPECT_EQ(fake.records, 1);
  EXPECT_NE(log.find("a count: no CUDA graph"), std::string::npos) << log;
  EXPECT_NE(log.find("out of memory while capturing"), std::string::npos) << log;
  EXPECT_EQ(log.find("at line 1"), std::string::npos) << log;
  EXPECT_EQ(log.find("no CUDA graph"), log.rfind("no CUDA graph")) << log;
}

TEST(RepeatedWork, WithoutAGraphIsTheWork) {
  int count = 0;
  RepeatedWork work("a count", nullptr);
  for (int i = 0; i < 6; ++i) work.run([&] { ++count; });
  EXPECT_EQ(count, 6);
}

TEST(StepGraphMaker, IsEmptyOnTheCpuOutsideOfAScope) {
  FakeGraphs fake;
  EXPECT_FALSE(step_graph_maker(at::kCPU));
  {
    const StepGraphScope scope(fake.maker());
    EXPECT_TRUE(step_graph_maker(at::kCPU));
  }
  EXPECT_FALSE(step_graph_maker(at::kCPU));
}

TEST(Put, KeepsTheMemoryThatItWroteFirst) {
  at::Tensor kept;
  {
    const c10::InferenceMode inference;
    put(at::ones({2, 3}), kept);
  }
  const void* const place = kept.const_data_ptr();
  put(at::full({2, 3}, 5.0), kept);
  EXPECT_EQ(kept.const_data_ptr(), place);
  EXPECT_EQ(kept.sum().item<double>(), 30);
}

}  // namespace
}  // namespace diffuse
