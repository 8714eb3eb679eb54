// The whole configuration as plain structs with defaults. Keys, ranges and help texts are in
// src/config/config_fields.h.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "diffuse/config/words.h"
#include "diffuse/core/precision.h"

namespace diffuse {

// The training data. Images are [C, H, W] in [-1, 1]; signals are [C, L], points [D].
struct DataConfig {
  DataType type = DataType::kShapes;
  std::string path;              // folder or file; "" = the usual folder below $DIFFUSE_DATA
  int64_t image_size = 0;        // pixels; 0 = as stored (image_folder: 64; shapes: 32)
  int64_t channels = 0;          // 1 grey, 3 colour, 0 = as stored
  bool horizontal_flip = false;  // mirror each training image with probability 1/2
  int64_t count = 0;       // items of a generated set, or the first ones of a stored set; 0 = all
  int64_t held_out = 0;    // items held out if a set has no test part; 0 = 1 in 20
  double noise = 0.3;      // swiss_roll: standard deviation added before scaling
  double variance = 1.0;   // gaussian and each component of a mixture: of each dimension
  int64_t dimensions = 2;  // gaussian, gaussian_mixture: D
  std::vector<double> means{};    // gaussian_mixture: D numbers per component, concatenated
  std::vector<double> weights{};  // gaussian_mixture: one per component, relative; empty = equal
  int64_t length = 128;           // waveforms, autoregressive: L
  std::string array = "";         // array: its name in a file with several; "" = the only one
  std::string labels = "";        // array: name of the class numbers [N]; "" = no classes
  OnError on_error = OnError::kRefuse;
  bool normalize = false;             // train on (x - mean) / std, channel by channel
  std::vector<double> range{};        // array: lo, hi, mapped to -1, 1; empty = no scaling
  std::vector<double> mean{}, std{};  // filled in from the data if empty; stored in checkpoints
  int64_t memory_limit_mb = 4096;     // larger image sets are decoded on the fly
};

// What the network is conditioned on besides classes: src/data/condition.h.
struct ConditionConfig {
  ConditionType type = ConditionType::kNone;
  int64_t factor = 4;                // downscale
  MaskKind mask = MaskKind::kBoxes;  // which part is unknown
  double share = 0.5;                // of it: see config_fields.h
  int64_t horizon = 0;               // forecast: unknown steps at the end
  std::string path = "";             // image, vector: folder or file
  std::string array = "";            // its name in a file with several; "" = the only one
  double dropout = 0.0;              // share of items trained without it, for guidance
  // downscale, grey, image: training adds Gaussian noise whose standard deviation is uniform up to this one and
  // known to the network; 0 = none                                             [Ho22b]
  double noise = 0.0;
  // image of numbers, vector: scale by channel; filled in from the data, stored in checkpoints
  std::vector<double> mean{}, std{};

  bool is_on() const { return type != ConditionType::kNone; }
  bool is_mask() const { return type == ConditionType::kMask; }
  bool is_dropped() const { return is_on() && dropout > 0; }
  bool is_stored() const { return type == ConditionType::kImage || type == ConditionType::kVector; }
};

// The network. channels, image size and classes of the data are filled in from the data set.
struct ModelConfig {
  NetworkType type = NetworkType::kUnet;

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
  TimeHalves time_embedding = TimeHalves::kSinCos;
  double time_frequency_shift =
      1;                  // freq_i = exp(-i ln 1e4 / (half - shift)): 1 [Ho20], 0 [Nichol21]
  double time_scale = 1;  // factor of t before the sinusoids: 1000 / T [Nichol21]
  DownsamplePadding downsample_padding = DownsamplePadding::kEnd;
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
  std::vector<int64_t> sample_shape;  // [C, H, W], [C, L] or [D]
  SampleKind sample_kind = SampleKind::kUnset;
  int64_t classes = 0;                     // 0 = unconditional
  int64_t condition_channels = 0;          // of an image or signal beside x; 0 = none
  int64_t condition_size = 0;              // numbers of a vector; 0 = none
  std::vector<std::string> class_names{};  // one per class; empty = classes have only numbers
};

// The sample kind of a config. Throws Error if it has none.
SampleKind sample_kind(const ModelConfig& config);

// Whether the network convolves along one dimension: samples [C, L].
inline bool is_signal(const ModelConfig& c) { return c.sample_shape.size() == 2; }

inline bool is_image(SampleKind kind) {
  return kind == SampleKind::kImage || kind == SampleKind::kFloatImage;
}

// The forward process, the prediction target and the loss.
struct DiffusionConfig {
  ProcessKind process = ProcessKind::kDdpm;
  ScheduleKind schedule = ScheduleKind::kLinear;
  int64_t timesteps = 1000;  // T
  double beta_start = 1e-4;
  double beta_end = 0.02;
  std::vector<double> betas;  // schedule "betas": given one by one
  double beta_min = 0.1;      // vp, subvp: beta at t = 0 and 1
  double beta_max = 20;
  double sigma_min = 0;  // ve, edm: 0 = 0.01 and 50, 0.002 and 80
  double sigma_max = 0;
  double sigma_data = 0.5;  // standard deviation of the data, to scale networks by
  PredictionKind prediction = PredictionKind::kEpsilon;
  VarianceKind variance = VarianceKind::kFixedLarge;
  LossKind loss = LossKind::kSimple;
  double hybrid_lambda = 0.001;  // hybrid: weight of the bound
  double min_snr_gamma = 5.0;    // min_snr: cap of the signal-to-noise ratio
  TimestepLaw timestep_sampler = TimestepLaw::kUniform;
  double log_normal_mean = -1.2;  // of log sigma                                [Karras22]
  double log_normal_std = 1.2;
  double logit_normal_mean = 0;  // of log(t / (1 - t))                          [Esser24]
  double logit_normal_std = 1;
  LossWeighting loss_weighting = LossWeighting::kNone;
  bool rescale_zero_terminal_snr = false;

  bool is_chain() const { return process == ProcessKind::kDdpm; }

  // The network has a second half of output channels, for the variance.
  bool learns_variance() const {
    return variance == VarianceKind::kLearned || variance == VarianceKind::kLearnedRange;
  }
};

// The least and the most noise of ve and edm, as given or by default.
struct NoiseRange {
  double low, high;
};
NoiseRange noise_range(const DiffusionConfig& config);

// The largest number of reverse steps.
int64_t most_steps(const DiffusionConfig& config);

struct TrainConfig {
  int64_t steps = 800'000;   // optimiser updates
  int64_t batch_size = 128;  // samples per update, summed over ranks and micro-batches
  int64_t micro_batch = 0;   // samples per forward pass of one rank; 0 = its whole share
  OptimizerKind optimizer = OptimizerKind::kAdam;
  double learning_rate = 2e-4;
  std::map<std::string, double> learning_rates{};  // pattern of parameters' names -> factor of it
  std::vector<std::string> freeze{};  // patterns of the network's parameters that stay as they are
  std::vector<std::string> train_only{};  // or of those that do not
  double beta1 = 0.9;
  double beta2 = 0.999;
  double adam_eps = 1e-8;
  double weight_decay = 0.0;  // adamw, muon
  double muon_momentum = 0.95;
  LearningRateSchedule learning_rate_schedule = LearningRateSchedule::kConstant;
  int64_t decay_start = 0;         // inverse_sqrt, trapezoid: first update of the fall; 0 = default
  int64_t warmup_steps = 5000;     // linear from 0
  double gradient_clip = 1.0;      // global norm; 0 = off
  double ema_decay = 0.9999;       // per update
  bool ema_warmup = true;          // decay_s = min(ema_decay, (1 + s) / (10 + s))
  int64_t ema_snapshot_every = 0;  // steps between snapshots for `sample --ema`; 0 = none
  Precision precision = Precision::kFp32;
  Tf32 tf32 = Tf32::kConvolutions;  // fp32 on a GPU
  bool deterministic = true;        // on a GPU: the same bytes in each run
  CudaGraph cuda_graph = CudaGraph::kAuto;
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
  SamplerKind sampler = SamplerKind::kDdpm;
  int64_t steps = 0;  // reverse steps; 0 = T
  double eta = 0.0;   // ddim: 0 deterministic .. 1 ancestral
  Spacing spacing = Spacing::kAuto;
  int64_t steps_offset = 0;  // leading: added to each timestep, within the limit of T
  bool skip_zero = false;    // leading and uniform: one more step, without timestep 0
  bool clip_x0 = true;       // clamp the predicted x_0 of images to +- clip_range
  double clip_range = 1.0;
  double dynamic_threshold =
      0.0;  // share of |x_0| within the bounds of the clamp; 0 = fixed bounds
  double dynamic_threshold_max = 0.0;  // upper limit of these bounds; 0 = none
  DdimEpsilon ddim_epsilon = DdimEpsilon::kClipped;
  bool end_at_data = true;                  // ddim: whether the last step goes to x_0
  int64_t grid = 64;                        // images in a training grid
  double guidance = 1.0;                    // classifier-free guidance scale; 1 = plain conditional
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
  ConditionConfig condition;
  ModelConfig model;
  DiffusionConfig diffusion;
  TrainConfig train;
  SampleConfig sample;
};

}  // namespace diffuse
