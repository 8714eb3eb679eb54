// The words that config fields accept: an enum for each closed set, and the one table of its words.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "diffuse/core/words.h"

namespace diffuse {

// -- data --

enum class DataType {
  kSwissRoll,
  kGaussian,
  kGaussianMixture,
  kWaveforms,
  kAutoregressive,  // series of a linear Gaussian process
  kShapes,
  kMnist,
  kCifar10,
  kImageFolder,  // a folder, .zip, .tar or .tar.gz of pictures
  kArray,        // a .npy, .npz or .safetensors file
};
template <>
struct Words<DataType> {
  using enum DataType;
  static constexpr Word<DataType> list[]{{kSwissRoll, "swiss_roll"},
                                         {kGaussian, "gaussian"},
                                         {kGaussianMixture, "gaussian_mixture"},
                                         {kWaveforms, "waveforms"},
                                         {kAutoregressive, "autoregressive"},
                                         {kShapes, "shapes"},
                                         {kMnist, "mnist"},
                                         {kCifar10, "cifar10"},
                                         {kImageFolder, "image_folder"},
                                         {kArray, "array"}};
};

// Treatment of damaged items.
enum class OnError { kRefuse, kSkip };
template <>
struct Words<OnError> {
  using enum OnError;
  static constexpr Word<OnError> list[]{{kRefuse, "refuse"}, {kSkip, "skip"}};
};

// -- condition --

// What the network is given besides x_t, the time and the class.
enum class ConditionType {
  kNone,
  kDownscale,  // the image at a lower resolution                              [Saharia21]
  kGrey,       // its luminance                                                [Saharia22b]
  kMask,       // the known part of the sample
  kImage,      // another image or signal, stored beside each item
  kVector,     // numbers, stored beside each item
};
template <>
struct Words<ConditionType> {
  using enum ConditionType;
  static constexpr Word<ConditionType> list[]{{kNone, "none"},   {kDownscale, "downscale"},
                                              {kGrey, "grey"},   {kMask, "mask"},
                                              {kImage, "image"}, {kVector, "vector"}};
};

// The unknown part of a sample.
enum class MaskKind {
  kBoxes,     // images: one to three boxes
  kCentre,    // images: one box in the middle
  kRandom,    // pixels, or numbers of a signal                                [Tashiro21]
  kForecast,  // signals: their end
  kChannels,  // signals: whole channels
};
template <>
struct Words<MaskKind> {
  using enum MaskKind;
  static constexpr Word<MaskKind> list[]{{kBoxes, "boxes"},
                                         {kCentre, "centre"},
                                         {kRandom, "random"},
                                         {kForecast, "forecast"},
                                         {kChannels, "channels"}};
};

// -- model --

enum class NetworkType {
  kUnet,            // images and signals                                      [Ho20 app. B]
  kMlp,             // points
  kGaussianOracle,  // the exact epsilon for data gaussian
  kMixtureOracle,   // and for gaussian_mixture
};
template <>
struct Words<NetworkType> {
  using enum NetworkType;
  static constexpr Word<NetworkType> list[]{{kUnet, "unet"},
                                            {kMlp, "mlp"},
                                            {kGaussianOracle, "gaussian_oracle"},
                                            {kMixtureOracle, "mixture_oracle"}};
};

// Order of the halves of the time embedding.
enum class TimeHalves {
  kSinCos,  // [Ho20]
  kCosSin,  // [Nichol21]
};
template <>
struct Words<TimeHalves> {
  using enum TimeHalves;
  static constexpr Word<TimeHalves> list[]{{kSinCos, "sin_cos"}, {kCosSin, "cos_sin"}};
};

enum class DownsamplePadding {
  kEnd,   // right and bottom by 1                                             [Ho20]
  kBoth,  // symmetric                                                         [Nichol21]
};
template <>
struct Words<DownsamplePadding> {
  using enum DownsamplePadding;
  static constexpr Word<DownsamplePadding> list[]{{kEnd, "end"}, {kBoth, "both"}};
};

// What a sample is.
enum class SampleKind {
  kUnset,       // before it is filled in from the data
  kImage,       // [C, H, W] of 8-bit values k / 127.5 - 1
  kFloatImage,  // [C, H, W] of any numbers
  kSignal,      // [C, L]
  kPoint,       // [D]
};
template <>
struct Words<SampleKind> {
  using enum SampleKind;
  static constexpr Word<SampleKind> list[]{{kUnset, ""},
                                           {kImage, "image"},
                                           {kFloatImage, "float_image"},
                                           {kSignal, "signal"},
                                           {kPoint, "point"}};
};

// -- diffusion --

enum class ProcessKind {
  kDdpm,   // the discrete chain of timesteps and a schedule                   [Ho20]
  kVp,     // of continuous time, as are the others                            [Song21b]
  kSubvp,  //                                                                  [Song21b]
  kVe,     //                                                                  [Song21b]
  kEdm,    //                                                                  [Karras22]
  kFlow,   // the straight way from data to noise                              [Liu23]
};
template <>
struct Words<ProcessKind> {
  using enum ProcessKind;
  static constexpr Word<ProcessKind> list[]{{kDdpm, "ddpm"}, {kVp, "vp"},   {kSubvp, "subvp"},
                                            {kVe, "ve"},     {kEdm, "edm"}, {kFlow, "flow"}};
};

// beta_t of the chain.
enum class ScheduleKind {
  kLinear,
  kQuadratic,
  kConstant,
  kCosine,  // [Nichol21]
  kJsd,     // [Sohl15]
  kWarmup10,
  kWarmup50,
  kSigmoid,       // of beta                                                   [Xu22]
  kSigmoidJabri,  // of alpha_bar                                              [Jabri22]
  kBetas,         // given one by one
};
template <>
struct Words<ScheduleKind> {
  using enum ScheduleKind;
  static constexpr Word<ScheduleKind> list[]{{kLinear, "linear"},
                                             {kQuadratic, "quadratic"},
                                             {kConstant, "constant"},
                                             {kCosine, "cosine"},
                                             {kJsd, "jsd"},
                                             {kWarmup10, "warmup10"},
                                             {kWarmup50, "warmup50"},
                                             {kSigmoid, "sigmoid"},
                                             {kSigmoidJabri, "sigmoid_jabri"},
                                             {kBetas, "betas"}};
};

// What the network predicts.
enum class PredictionKind {
  kEpsilon,  // the noise                                                      [Ho20]
  kX0,       // the clean sample
  kV,        //                                                                [Salimans22]
  kMu,       // the posterior mean of the chain's step
  kFlow,     // noise less clean sample                                        [Liu23]
  kEdm,      // F                                                              [Karras22]
  kScore,    //                                                                [Song21b]
};
template <>
struct Words<PredictionKind> {
  using enum PredictionKind;
  static constexpr Word<PredictionKind> list[]{
      {kEpsilon, "epsilon"}, {kX0, "x0"},   {kV, "v"},        {kMu, "mu"},
      {kFlow, "flow"},       {kEdm, "edm"}, {kScore, "score"}};
};

// Variance of a reverse step.
enum class VarianceKind {
  kFixedLarge,    // beta_t
  kFixedSmall,    // the posterior's
  kLearned,       // the network gives its logarithm
  kLearnedRange,  // in logarithms between fixed_small and fixed_large         [Nichol21]
};
template <>
struct Words<VarianceKind> {
  using enum VarianceKind;
  static constexpr Word<VarianceKind> list[]{{kFixedLarge, "fixed_large"},
                                             {kFixedSmall, "fixed_small"},
                                             {kLearned, "learned"},
                                             {kLearnedRange, "learned_range"}};
};

enum class LossKind {
  kSimple,       // eq. 10
  kVlbWeighted,  // eq. 9
  kVlb,
  kHybrid,  // simple and a little of vlb                                      [Nichol21]
  kMinSnr,  //                                                                 [Hang23]
  kEdm,     //                                                                 [Karras22]
  kMse,     // of the network's output
};
template <>
struct Words<LossKind> {
  using enum LossKind;
  static constexpr Word<LossKind> list[]{{kSimple, "simple"},  {kVlbWeighted, "vlb_weighted"},
                                         {kVlb, "vlb"},        {kHybrid, "hybrid"},
                                         {kMinSnr, "min_snr"}, {kEdm, "edm"},
                                         {kMse, "mse"}};
};

// How training draws t.
enum class TimestepLaw {
  kUniform,
  kStratified,   // one from each of B equal parts                              [Kingma21]
  kImportance,   // of the chain, by recent loss                                [Nichol21]
  kLogNormal,    // of continuous time: log sigma is normal                     [Karras22]
  kLogitNormal,  // log(t / (1 - t)) is                                        [Esser24]
};
template <>
struct Words<TimestepLaw> {
  using enum TimestepLaw;
  static constexpr Word<TimestepLaw> list[]{{kUniform, "uniform"},
                                            {kStratified, "stratified"},
                                            {kImportance, "importance"},
                                            {kLogNormal, "log_normal"},
                                            {kLogitNormal, "logit_normal"}};
};

// Weights of the losses at different times.
enum class LossWeighting {
  kNone,
  kLearned,  // exp(-u) loss + u, u of the time                                [Karras24]
};
template <>
struct Words<LossWeighting> {
  using enum LossWeighting;
  static constexpr Word<LossWeighting> list[]{{kNone, "none"}, {kLearned, "learned"}};
};

// -- train --

enum class OptimizerKind {
  kAdam,   // [Kingma15]
  kAdamw,  // [Loshchilov19]
  kMuon,   // of matrices and filters; adamw for the rest                      [Jordan24]
};
template <>
struct Words<OptimizerKind> {
  using enum OptimizerKind;
  static constexpr Word<OptimizerKind> list[]{{kAdam, "adam"}, {kAdamw, "adamw"}, {kMuon, "muon"}};
};

// Whether an update's kernels on a GPU are recorded as a CUDA graph.
enum class CudaGraph { kAuto, kOff };
template <>
struct Words<CudaGraph> {
  using enum CudaGraph;
  static constexpr Word<CudaGraph> list[]{{kAuto, "auto"}, {kOff, "off"}};
};

// After the warm-up.
enum class LearningRateSchedule {
  kConstant,
  kCosine,       // falls to 0 at the last step
  kLinear,       // likewise
  kInverseSqrt,  // as 1 / sqrt(step) from decay_start                         [Karras24]
  kTrapezoid,    // constant, and linear to 0 from decay_start
};
template <>
struct Words<LearningRateSchedule> {
  using enum LearningRateSchedule;
  static constexpr Word<LearningRateSchedule> list[]{{kConstant, "constant"},
                                                     {kCosine, "cosine"},
                                                     {kLinear, "linear"},
                                                     {kInverseSqrt, "inverse_sqrt"},
                                                     {kTrapezoid, "trapezoid"}};
};

// -- sample --

// Which timesteps a sampler visits: diffuse/sample/timesteps.h.
enum class Spacing {
  kAuto,  // the sampler's own
  kLeading,
  kTrailing,
  kUniform,
  kQuadratic,
  kKarras,
};
template <>
struct Words<Spacing> {
  using enum Spacing;
  static constexpr Word<Spacing> list[]{{kAuto, "auto"},           {kLeading, "leading"},
                                        {kTrailing, "trailing"},   {kUniform, "uniform"},
                                        {kQuadratic, "quadratic"}, {kKarras, "karras"}};
};

// Samplers: diffuse/sample/sampler.h.
enum class SamplerKind {
  kDdpm,
  kDdim,
  kDpmpp2m,
  kDpmpp2mSde,
  kHeun,
  kEuler,
  kAncestral,
  kRk4,
  kDopri5,
  kUnipc,
  kPc,
};

struct SamplerWord {
  enum class Noise { kNever, kByEta, kByChurn, kAlways };

  SamplerKind value;
  const char* text;
  Noise noise;      // whether its steps add some
  Spacing spacing;  // what "auto" stands for on a chain
  const char* about;
  bool of_chain = false;  // draws from the chain's p_θ alone
  // What "auto" stands for in continuous time, except for ve and edm.
  Spacing continuous_spacing = Spacing::kTrailing;
};
template <>
struct Words<SamplerKind> {
  using enum SamplerKind;
  using enum SamplerWord::Noise;
  static constexpr SamplerWord list[]{
      {kDdpm, "ddpm", kAlways, Spacing::kLeading, "the chain's own steps", true},
      {kDdim, "ddim", kByEta, Spacing::kLeading, "deterministic at eta 0"},
      {kDpmpp2m, "dpmpp2m", kNever, Spacing::kTrailing, "DPM-Solver++ of order 2"},
      {kDpmpp2mSde, "dpmpp2m-sde", kAlways, Spacing::kTrailing, "its stochastic form"},
      {kHeun, "heun", kByChurn, Spacing::kKarras, "the trapezoidal rule"},
      {kEuler, "euler", kNever, Spacing::kTrailing, "ddim at eta 0"},
      {kAncestral, "ancestral", kAlways, Spacing::kTrailing, "ddim at eta 1"},
      {kRk4, "rk4", kNever, Spacing::kKarras, "Runge-Kutta of order 4", false, Spacing::kUniform},
      {kDopri5, "dopri5", kNever, Spacing::kUniform, "adaptive Dormand-Prince", false,
       Spacing::kUniform},
      {kUnipc, "unipc", kNever, Spacing::kTrailing, "UniPC"},
      {kPc, "pc", kAlways, Spacing::kTrailing, "ancestral with Langevin steps"}};
};

// The samplers whose steps need add no noise: all end where the flow does.
std::vector<std::string> flow_samplers();

// ddim's epsilon where x_0 was clamped.
enum class DdimEpsilon {
  kClipped,  // recomputed from the clamped x_0
  kNetwork,  // the network's own
};
template <>
struct Words<DdimEpsilon> {
  using enum DdimEpsilon;
  static constexpr Word<DdimEpsilon> list[]{{kClipped, "clipped"}, {kNetwork, "network"}};
};

}  // namespace diffuse
