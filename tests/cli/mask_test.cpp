// What `diffuse inpaint` paints, by pictures and arrays of every kind.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/arrays/array_file.h"
#include "src/pictures/image_file.h"
#include "tests/cli/oracle_models.h"

namespace fs = std::filesystem;

namespace diffuse::testing_cli {
namespace {

const fs::path& mask_files() {
  static const fs::path folder = [] {
    const fs::path made = oracle_folder("masks");
    write_npy(made / "image.npy", at::linspace(-0.9, 0.9, 64).view({1, 8, 8}));
    write_npy(made / "signal.npy", at::linspace(-0.9, 0.9, 64).view({1, 64}));
    write_npy(made / "point.npy", at::tensor({0.5f, -0.5f}));
    return made;
  }();
  return folder;
}

// 1 in rows 2 to 5, of 8 x 8.
at::Tensor stripe() {
  at::Tensor mask = at::zeros({8, 8});
  mask.slice(0, 2, 6).fill_(1);
  return mask;
}

Outcome inpaint(const std::string& kind, const fs::path& mask,
                const std::vector<std::string>& more = {}, const std::string& ending = ".npy") {
  std::vector<std::string> all{"inpaint",
                               "--ckpt",
                               mask_files() / (kind == "image" ? "image.json" : kind + "s.json"),
                               "--image",
                               mask_files() / (kind + ending),
                               "--mask",
                               mask,
                               "-o",
                               mask_files() / "out.npy",
                               "--device",
                               "cpu"};
  all.insert(all.end(), more.begin(), more.end());
  return run_program(all);
}

Outcome inpaint_by(const at::Tensor& mask, const std::string& kind = "image") {
  write_npy(mask_files() / "mask.npy", mask);
  return inpaint(kind, mask_files() / "mask.npy");
}

Outcome inpaint_by(const Image& mask) {
  write_png(mask_files() / "mask.png", mask);
  return inpaint("image", mask_files() / "mask.png");
}

// Which numbers are new.
at::Tensor painted(const Outcome& outcome, const std::string& kind = "image") {
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return read_npy(mask_files() / "out.npy")[0] != read_npy(mask_files() / (kind + ".npy"));
}

Image picture(const at::Tensor& levels, int64_t channels = 1) {
  Image image{levels.size(0), levels.size(1), channels, {}};
  const at::Tensor bytes = levels.to(at::kByte).unsqueeze(2).repeat({1, 1, channels}).contiguous();
  image.pixels.assign(bytes.const_data_ptr<uint8_t>(),
                      bytes.const_data_ptr<uint8_t>() + bytes.numel());
  return image;
}

TEST(Mask, OnesAnd255AreWhiteInArraysOfAnyType) {
  const at::Tensor wanted = stripe().to(at::kBool).unsqueeze(0);
  for (const auto type : {at::kBool, at::kByte, at::kLong, at::kDouble})
    EXPECT_TRUE(at::equal(painted(inpaint_by(stripe().to(type))), wanted)) << type;
  for (const auto type : {at::kByte, at::kFloat})
    EXPECT_TRUE(at::equal(painted(inpaint_by((stripe() * 255).to(type))), wanted)) << type;
  EXPECT_TRUE(at::equal(painted(inpaint_by((stripe() * 65535).to(at::kInt))), wanted));
}

TEST(Mask, MayHaveAxesOfOneOrChannelsThatAreAlike) {
  const at::Tensor wanted = stripe().to(at::kBool).unsqueeze(0);
  for (const at::Tensor& mask :
       {stripe().view({1, 8, 8}), stripe().view({1, 1, 8, 8}), stripe().view({8, 8, 1}),
        stripe().repeat({3, 1, 1}), stripe().unsqueeze(2).repeat({1, 1, 3})})
    EXPECT_TRUE(at::equal(painted(inpaint_by(mask)), wanted)) << mask.sizes();
}

TEST(Mask, OnesAnd255AreWhiteInPictures) {
  const at::Tensor wanted = stripe().to(at::kBool).unsqueeze(0);
  for (const int64_t white : {1, 255})
    EXPECT_TRUE(at::equal(painted(inpaint_by(picture(stripe() * white, 3))), wanted)) << white;
}

// Where the mask is 102 of 255, two fifths are new.
TEST(Mask, GreysMixNewAndOld) {
  painted(inpaint_by(stripe()));
  const at::Tensor whole = read_npy(mask_files() / "out.npy")[0];
  at::Tensor mask = stripe() * 255;
  mask[3].fill_(102);
  painted(inpaint_by(picture(mask)));
  const at::Tensor mixed = read_npy(mask_files() / "out.npy")[0];
  const at::Tensor image = read_npy(mask_files() / "image.npy");
  EXPECT_TRUE(at::equal(mixed[0][2], whole[0][2]));
  EXPECT_TRUE(at::allclose(mixed[0][3], 0.6 * image[0][3] + 0.4 * whole[0][3], 0, 1e-6));
}

// Fractions are meant; of whole numbers 100 of 255 may as well be a label.
TEST(Mask, FractionsBelowHalfPaintFaintly) {
  painted(inpaint_by(stripe()));
  const at::Tensor whole = read_npy(mask_files() / "out.npy")[0];
  const Outcome faint = inpaint_by(stripe() * 0.25);
  ASSERT_EQ(faint.exit_code, 0) << faint.err;
  EXPECT_NE(faint.err.find("the painted part keeps at least 75 % of the image"), std::string::npos);
  const at::Tensor image = read_npy(mask_files() / "image.npy"),
                   x = read_npy(mask_files() / "out.npy")[0];
  EXPECT_TRUE(at::allclose(x[0][3], 0.75 * image[0][3] + 0.25 * whole[0][3], 0, 1e-6));
  expect_refused(inpaint_by(stripe() * 100), "expected 255 in the part to paint");
  expect_refused(inpaint_by(picture(stripe() * 100)), "a .npy of fractions from 0 to 1");
  inpaint_by(stripe() * 0.4);
  EXPECT_EQ(inpaint("image", mask_files() / "mask.npy", {"--feather", "1"}).exit_code, 0);
}

TEST(Mask, MayEndInCapitals) {
  fs::copy_file(mask_files() / "image.npy", mask_files() / "image.NPY",
                fs::copy_options::overwrite_existing);
  write_npy(mask_files() / "MASK.NPY", stripe());
  const Outcome o = inpaint("image", mask_files() / "MASK.NPY", {}, ".NPY");
  EXPECT_TRUE(at::equal(painted(o), stripe().to(at::kBool).unsqueeze(0)));
}

TEST(Mask, RefusesWhatWouldPaintNothingOrIsNoMask) {
  at::Tensor labels = stripe();
  labels[4].fill_(2);
  expect_refused(inpaint_by(picture(labels)), "its maximum is 2, but white is 255");
  expect_refused(inpaint_by(labels), "its maximum is 2, but white is 255");
  expect_refused(inpaint_by(stripe() / 255), "its maximum is 0.00392");
  expect_refused(inpaint_by(stripe() * 2 - 1), "numbers from -1 to 1");
  expect_refused(inpaint_by(stripe() * 1e6), "numbers from 0 to 1e+06");
  expect_refused(inpaint_by(stripe() * std::nan("")), "not finite");
  expect_refused(inpaint_by(at::zeros({8, 8})), "expected white in the part to paint");
  expect_refused(inpaint_by(at::stack({stripe(), 1 - stripe()})), "2 different masks");
  expect_refused(inpaint_by(at::ones({8, 9})), "the mask is [8, 9]; expected [8, 8]");
  expect_refused(inpaint("image", mask_files() / "image.npy"), "numbers from -0.9 to 0.9");
  Image red = picture(at::zeros({8, 8}), 3);
  red.pixels[30] = 255;
  expect_refused(inpaint_by(red), "coloured, such as (255, 0, 0)");
}

TEST(Mask, SaysWhatItTakesForWhiteAndWhereNothingIsKept) {
  EXPECT_NE(
      inpaint_by(picture(stripe())).err.find("the maximum is at most 1, which counts as white"),
      std::string::npos);
  EXPECT_NE(inpaint_by(at::ones({8, 8})).err.find("nothing is kept"), std::string::npos);
}

TEST(Mask, OfSignalsAndPoints) {
  const at::Tensor half = at::cat({at::zeros(32), at::ones(32)});
  for (const at::Tensor& mask : {half, half.view({1, 64}), half.view({1, 1, 64})})
    EXPECT_TRUE(at::equal(painted(inpaint_by(mask, "signal"), "signal")[0], half > 0));
  const at::Tensor second = at::tensor({0.0f, 1.0f});
  for (const at::Tensor& mask : {second, second.view({1, 2})})
    EXPECT_TRUE(at::equal(painted(inpaint_by(mask, "point"), "point"), second > 0));
  expect_refused(inpaint_by(at::ones({3}), "point"), "the mask is [3]; expected [2]");
  expect_refused(inpaint("point", mask_files() / "mask.png"), "expected a .npy file");
  expect_refused(inpaint("signal", mask_files() / "mask.npy", {"--feather", "2"}),
                 "the mask is [3]");
}

TEST(Mask, RefusesAFadeWiderThanWhatIsPainted) {
  inpaint_by(stripe());
  EXPECT_EQ(inpaint("image", mask_files() / "mask.npy", {"--feather", "2"}).exit_code, 0);
  expect_refused(inpaint("image", mask_files() / "mask.npy", {"--feather", "20"}),
                 "--feather 20: wider than the painted part");
}

}  // namespace
}  // namespace diffuse::testing_cli
