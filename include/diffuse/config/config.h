// The whole configuration as plain structs with defaults. Keys, ranges and help texts are in
// src/config/config_fields.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace diffuse {

// A sampler; src/sample/sampler.cpp constructs it by name.
struct SamplerWord {
  enum class Noise { kNever, kByEta, kByChurn, kAlways };

  std::string name;
  Noise noise;          // whether its steps add some
  std::string spacing;  // what "auto" stands for on a chain
  std::string about;
  bool of_chain = false;                        // draws from the chain's p_θ alone
  std::string continuous_spacing = "trailing";  // of "auto" in continuous time, but for ve and edm
};

inline const std::vector<SamplerWord> kSamplerWords{
    {"ddpm", SamplerWord::Noise::kAlways, "leading", "the chain's own steps", true},
    {"ddim", SamplerWord::Noise::kByEta, "leading", "deterministic at eta 0"},
    {"dpmpp2m", SamplerWord::Noise::kNever, "trailing", "DPM-Solver++ of order 2"},
    {"dpmpp2m-sde", SamplerWord::Noise::kAlways, "trailing", "its stochastic form"},
    {"heun", SamplerWord::Noise::kByChurn, "karras", "the trapezoidal rule"},
    {"euler", SamplerWord::Noise::kNever, "trailing", "ddim at eta 0"},
    {"ancestral", SamplerWord::Noise::kAlways, "trailing", "ddim at eta 1"},
    {"rk4", SamplerWord::Noise::kNever, "karras", "Runge-Kutta of order 4", false, "uniform"},
    {"dopri5", SamplerWord::Noise::kNever, "uniform", "adaptive Dormand-Prince", false, "uniform"},
    {"unipc", SamplerWord::Noise::kNever, "trailing", "UniPC"},
    {"pc", SamplerWord::Noise::kAlways, "trailing", "ancestral with Langevin steps"}};

// The entry with this name. Throws Error for an unknown name.
const SamplerWord& sampler_word(const std::string& name);

inline const std::vector<std::string> kSamplers = [] {
  std::vector<std::string> names;
  for (const SamplerWord& word : kSamplerWords) names.push_back(word.name);
  return names;
}();

// Those of them whose steps add no noise: all end where the flow does.
inline const std::vector<std::string> kFlowSamplers{"ddim", "dpmpp2m", "heun", "euler",
                                                    "rk4",  "dopri5",  "unipc"};

inline const std::vector<std::string> kProcesses{"ddpm", "vp", "subvp", "ve", "edm", "flow"};
inline const std::vector<std::string> kDdimEpsilons{"clipped", "network"};
inline const std::vector<std::string> kSpacings{"auto",    "leading",   "trailing",
                                                "uniform", "quadratic", "karras"};

// The training data. Images are [C, H, W] in [-1, 1]; signals are [C, L], points [D].
struct DataConfig {
  std::string type = "shapes";   // swiss_roll, gaussian, gaussian_mixture, waveforms, shapes,
                                 // mnist, cifar10, image_folder, array
  std::string path;              // folder or file; "" = the usual folder below $DIFFUSE_DATA
  int64_t image_size = 0;        // pixels; 0 = as stored (image_folder: 64; shapes: 32)
  int64_t channels = 0;          // 1 grey, 3 colour, 0 = as stored
  bool horizontal_flip = false;  // mirror each training image with probability 1/2
  int64_t count = 0;       // items of a generated set, or the first ones of a stored set; 0 = all
  int64_t held_out = 0;    // items held out if a set has no test part; 0 = 1 in 20
  double noise = 0.3;      // swiss_roll: standard deviation added before scaling
  double variance = 1.0;   // gaussian and each component of a mixture: of each dimension
  int64_t dimensions = 2;  // gaussian, gaussian_mixture: D
  std::vector<double> means{};      // gaussian_mixture: D numbers per component, concatenated
  std::vector<double> weights{};    // gaussian_mixture: one per component, relative; empty = equal
  int64_t length = 128;             // waveforms: L
  std::string array = "";           // array: its name in a file with several; "" = the only one
  std::string labels = "";          // array: name of the class numbers [N]; "" = no classes
  std::string on_error = "refuse";  // refuse, skip: treatment of damaged items
  bool normalize = false;           // train on (x - mean) / std, channel by channel
  std::vector<double> range{};      // array: lo, hi, mapped to -1, 1; empty = no scaling
  std::vector<double> mean{}, std{};  // filled in from the data if empty; stored in checkpoints
  int64_t memory_limit_mb = 4096;     // larger image sets are decoded on the fly
};

// The kind of a sample. Images are [C, H, W], with 8-bit values k / 127.5 - 1 or any numbers; signals are
// [C, L], points [D].
enum class SampleKind { kImage, kFloatImage, kSignal, kPoint };

// The network. channels, image size and classes of the data are filled in from the data set.
struct ModelConfig {
  std::string type = "unet";  // unet, mlp, gaussian_oracle, mixture_oracle

  // unet [Ho20 app. B]; the defaults are Ho et al.'s CIFAR-10 model: 35,746,307 parameters
  int64_t channels = 128;  // at full resolution; a multiple of norm_groups
  std::vector<int64_t> channel_multipliers{1, 2, 2, 2};  // one per resolution level
  int64_t blocks_per_level = 2;  // residual blocks of the encoder; the decoder has one more
  std::vector<int64_t> attention_resolutions{16};  // heights (after patching) with self-attention
  bool mid_attention = true;                       // self-attention in the middle block
  int64_t attention_heads = 1;
  int64_t attention_head_dim = 0;  // channels of one head instead; 0 = by attention_heads
  bool mid_attention_norm = true;  // group normalisation before the middle block's attention
  double dropout = 0.1;
  int64_t norm_groups = 32;
  double norm_eps = 1e-6;
  bool scale_shift_norm =
      false;  // the time embedding gives s, b: GroupNorm(h)(1 + s) + b  [Nichol21]
  std::string time_embedding = "sin_cos";  // sin_cos [Ho20] or cos_sin [Nichol21]
  double time_frequency_shift =
      1;                  // freq_i = exp(-i ln 1e4 / (half - shift)): 1 [Ho20], 0 [Nichol21]
  double time_scale = 1;  // factor of t before the sinusoids: 1000 / T [Nichol21]
  std::string downsample_padding =
      "end";               // end: right and bottom by 1 [Ho20]; both: symmetric [Nichol21]
  int64_t patch_size = 1;  // p x p pixels become channels before the first convolution

  // unet and mlp
  bool class_conditional = false;  // condition on the data's classes: `sample --class`, guidance
  bool self_conditioning = false;  // the network also gets its previous x_0           [Chen22]

  // mlp
  int64_t hidden = 128;  // width
  int64_t layers = 4;    // hidden layers

  // gaussian_oracle, mixture_oracle: the exact epsilon for data gaussian, gaussian_mixture
  double variance = 1.0;
  std::vector<double> means{}, weights{};

  // filled in from the data set; stored in checkpoints
  std::vector<int64_t> sample_shape;       // [C, H, W], [C, L] or [D]
  std::string sample_kind;                 // image (8-bit values), float_image, signal, point
  int64_t classes = 0;                     // 0 = unconditional
  std::vector<std::string> class_names{};  // one per class; empty = classes have only numbers
};

// Values of ModelConfig::sample_kind, in the order of SampleKind; "" before it is filled in.
inline const std::vector<std::string> kSampleKinds{"image", "float_image", "signal", "point"};

// The sample kind of a config. Throws Error if it has none.
SampleKind sample_kind(const ModelConfig& config);

const std::string& word_of(SampleKind kind);

// Whether the network convolves along one dimension: samples [C, L].
inline bool is_signal(const ModelConfig& c) { return c.sample_shape.size() == 2; }

inline bool is_image(SampleKind kind) {
  return kind == SampleKind::kImage || kind == SampleKind::kFloatImage;
}

// The forward process, the prediction target and the loss.
struct DiffusionConfig {
  std::string process = "ddpm";     // ddpm: the discrete chain; vp, subvp, ve, edm, flow
  std::string schedule = "linear";  // linear, quadratic, constant, cosine, jsd, ...
  int64_t timesteps = 1000;         // T
  double beta_start = 1e-4;
  double beta_end = 0.02;
  std::vector<double> betas;  // schedule "betas": given one by one
  double beta_min = 0.1;      // vp, subvp: beta at t = 0 and 1
  double beta_max = 20;
  double sigma_min = 0;  // ve, edm: 0 = 0.01 and 50, 0.002 and 80
  double sigma_max = 0;
  double sigma_data = 0.5;             // standard deviation of the data, to scale networks by
  std::string prediction = "epsilon";  // epsilon, x0, v, mu, flow, edm, score
  std::string variance =
      "fixed_large";  // fixed_large (beta_t), fixed_small (posterior), learned, learned_range
  std::string loss =
      "simple";  // simple [eq. 10], vlb_weighted [eq. 9], vlb, hybrid, min_snr, edm, mse (of the output)
  double hybrid_lambda = 0.001;  // hybrid: weight of the bound
  double min_snr_gamma = 5.0;    // min_snr: cap of the signal-to-noise ratio
  std::string timestep_sampler =
      "uniform";                  // uniform, stratified, importance, log_normal, logit_normal
  double log_normal_mean = -1.2;  // of log sigma                                [Karras22]
  double log_normal_std = 1.2;
  double logit_normal_mean = 0;  // of log(t / (1 - t))                          [Esser24]
  double logit_normal_std = 1;
  std::string loss_weighting = "none";  // none, learned: exp(-u) loss + u, u of the time [Karras24]
  bool rescale_zero_terminal_snr = false;

  bool is_chain() const { return process == "ddpm"; }

  // The network has a second half of output channels, for the variance.
  bool learns_variance() const { return variance == "learned" || variance == "learned_range"; }
};

// The least and the most noise of ve and edm, as given or by default.
struct NoiseRange {
  double low, high;
};
NoiseRange noise_range(const DiffusionConfig& config);

// The largest number of reverse steps.
int64_t most_steps(const DiffusionConfig& config);

struct TrainConfig {
  int64_t steps = 800'000;         // optimiser updates
  int64_t batch_size = 128;        // samples per update, summed over ranks and micro-batches
  int64_t micro_batch = 0;         // samples per forward pass of one rank; 0 = its whole share
  std::string optimizer = "adam";  // adam, adamw, muon
  double learning_rate = 2e-4;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double adam_eps = 1e-8;
  double weight_decay = 0.0;  // adamw, muon
  double muon_momentum = 0.95;
  std::string learning_rate_schedule =
      "constant";  // constant, cosine, linear: to 0 at the last step; inverse_sqrt, trapezoid
  int64_t decay_start = 0;      // inverse_sqrt, trapezoid: the update it falls from; 0 = their own
  int64_t warmup_steps = 5000;  // linear from 0
  double gradient_clip = 1.0;   // global norm; 0 = off
  double ema_decay = 0.9999;    // per update
  bool ema_warmup = true;       // decay_s = min(ema_decay, (1 + s) / (10 + s))
  int64_t ema_snapshot_every = 0;       // steps between snapshots for `sample --ema`; 0 = none
  std::string precision = "fp32";       // fp32, bf16, fp16 (GPU only), auto
  bool gradient_checkpointing = false;  // unet: recompute activations, to save memory
  bool compress_gradients = false;      // all-reduce in bfloat16
  bool shard_optimizer = false;         // shard its state and the EMA weights over the processes
  double label_dropout = 0.0;           // share of labels replaced by "no class"
  int64_t log_every = 50;               // steps
  int64_t eval_every = 0;               // steps between held-out losses; 0 = none
  int64_t eval_samples = 1024;          // held-out items a held-out loss uses
  int64_t sample_every = 0;             // steps between sample grids; 0 = none
  int64_t checkpoint_every = 1000;      // steps between saves of model.pt
  int64_t keep_last = 2;                // checkpoints/step-N.pt kept, newest first
  int64_t keep_every = 0;               // multiples of this step are kept forever; 0 = none
};

// Defaults of `diffuse sample`, and of the grids drawn while training.
struct SampleConfig {
  std::string sampler = "ddpm";  // ddpm, ddim, dpmpp2m, dpmpp2m-sde, heun
  int64_t steps = 0;             // reverse steps; 0 = T
  double eta = 0.0;              // ddim: 0 deterministic .. 1 ancestral
  std::string spacing = "auto";  // auto, leading, trailing, uniform, quadratic, karras
  int64_t steps_offset = 0;      // leading: added to each timestep, within the limit of T
  bool skip_zero = false;        // leading and uniform: one more step, without timestep 0
  bool clip_x0 = true;           // clamp the predicted x_0 of images to +- clip_range
  double clip_range = 1.0;
  double dynamic_threshold =
      0.0;  // share of |x_0| within the bounds of the clamp; 0 = fixed bounds
  double dynamic_threshold_max = 0.0;  // upper limit of these bounds; 0 = none
  std::string ddim_epsilon =
      "clipped";            // clipped: recomputed from the clamped x_0; network: its own
  bool end_at_data = true;  // ddim: whether the last step goes to x_0
  int64_t grid = 64;        // images in a training grid
  double guidance = 1.0;    // classifier-free guidance scale; 1 = plain conditional
  std::vector<double> guidance_interval{};  // [lo, hi] of sigma = s / a where it acts; empty = all
  double tolerance = 1e-5;                  // dopri5: error of a step, relative and absolute
  int64_t unipc_order = 2;                  // unipc: 2 or 3
  int64_t corrector_steps = 1;              // pc: Langevin steps at each level
  double snr = 0.16;                        // pc: their signal-to-noise ratio r  [Song21b]
  double churn = 0.0;  // heun: S_churn, S_tmin, S_tmax (0 = any) and S_noise  [Karras22]
  double churn_min = 0.0;
  double churn_max = 0.0;
  double churn_noise = 1.0;
};

struct Config {
  uint64_t seed = 0;
  DataConfig data;
  ModelConfig model;
  DiffusionConfig diffusion;
  TrainConfig train;
  SampleConfig sample;
};

}  // namespace diffuse
