#include "src/measure/kernel_shares.h"

#include <gtest/gtest.h>

namespace diffuse {
namespace {

// Names from traces of cuDNN 9, cuBLAS 13 and LibTorch 2.11.
TEST(KernelShares, KnowKernelsByTheirNames) {
  const std::pair<const char*, const char*> known[] = {
      {"sm90_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize128x128x64",
       "convolution"},
      {"sm80_xmma_wgrad_implicit_gemm_indexed_bf16bf16_bf16f32_f32_nhwckrsc_nhwc", "convolution"},
      {"void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true>", "copy"},
      {"nvjet_tst_128x256_64x4_1x2_h_bz_coopB_TNT", "matrix product"},
      {"cutlass_80_tensorop_s1688gemm_128x128_32x3_tn_align4", "matrix product"},
      {"void flash::flash_fwd_kernel<Flash_fwd_kernel_traits<256, 64, 64, 4>>", "attention"},
      {"void at::native::(anonymous namespace)::multi_tensor_apply_kernel<FusedAdam>", "optimizer"},
      {"void at::native::(anonymous namespace)::RowwiseMomentsCUDAKernel<float>", "normalisation"},
      {"Memcpy HtoD (Pinned -> Device)", "copy"},
      {"void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>",
       "other"}};
  for (const auto& [name, kind] : known) EXPECT_EQ(kind_of_kernel(name), kind) << name;
}

TEST(KernelShares, AreNothingOnTheCpu) {
  bool called = false;
  EXPECT_EQ(kernel_shares(c10::kCPU, [&] { called = true; }).launches, 0);
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace diffuse
