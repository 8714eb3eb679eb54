// Every config field, once: its key, its rule and its help text. Reading, writing, `--set`, the
// unknown-key check, the schema and the help all use these lists.
//
// A visitor is called as visit(key, value, rule, help) for a field and visit(key, section, help)
// for a section.
#pragma once

#include "diffuse/config/config.h"
#include "rule.h"

namespace diffuse {

inline constexpr double kMaxTimesteps = 1'000'000;

// Help texts from the table of samplers.
const std::string& sampler_help();
const std::string& spacing_help();

// NOLINTBEGIN(readability-function-size): lists as long as their sections.

template <class Visitor>
void visit_fields(Visitor& visit, DataConfig& c) {
  visit(
      "type", c.type, any_word(),
      "The data set: generated (swiss_roll, gaussian, gaussian_mixture, waveforms, autoregressive, "
      "shapes) or read from path. image_folder reads a folder, .zip, .tar or .tar.gz of pictures, "
      "array a "
      ".npy, .npz or .safetensors file.");
  visit("path", c.path, anything(),
        "Folder or file of the data; empty means the usual folder below $DIFFUSE_DATA, or ./data.");
  visit("image_size", c.image_size, between(0, 4096),
        "Height and width in pixels that images are scaled and cropped to (mnist: padded to); 0 "
        "keeps them as stored (image_folder: 64, shapes: 32).");
  visit("channels", c.channels, between(0, 3),
        "Colour channels: 1 makes images grey, 3 colour, 0 keeps them as stored.");
  visit("horizontal_flip", c.horizontal_flip, anything(),
        "Mirrors each training image with probability 1/2.");
  visit("count", c.count, at_least(0),
        "Number of items: of a generated set, or the first ones of a stored set; 0 means all.");
  visit("held_out", c.held_out, at_least(0),
        "Items held out for evaluation if a set has no test part; 0 means 1 in 20.");
  visit("noise", c.noise, at_least(0),
        "swiss_roll: standard deviation of the noise added before scaling.");
  visit("variance", c.variance, above(0),
        "gaussian and each component of a gaussian_mixture: variance of each dimension.");
  visit("dimensions", c.dimensions, between(1, 1'000'000),
        "gaussian, gaussian_mixture: dimensions of a point.");
  visit(
      "means", c.means, list_of(anything()),
      "gaussian_mixture: the means of the components, concatenated; each has as many numbers as a "
      "point has dimensions.");
  visit("weights", c.weights, list_of(above(0)),
        "gaussian_mixture: relative weights of the components; empty means equal.");
  visit("length", c.length, between(1, 1 << 24), "waveforms, autoregressive: samples of a signal.");
  visit(
      "array", c.array, anything(),
      "array: the array's name in a file with several; empty means the only one. Numbers are N x D "
      "points, N x C x L signals or N x C x H x W images; bytes are images.");
  visit("labels", c.labels, anything(),
        "array: the name of the N class numbers in the same file; empty means no classes.");
  visit("on_error", c.on_error, any_word(),
        "image_folder and array: a damaged item is an error (refuse) or is skipped (skip).");
  visit("normalize", c.normalize, anything(),
        "Trains on (x - mean) / std, channel by channel; samples are converted back.");
  visit(
      "range", c.range, list_of(anything(), 0, 2),
      "array: [lo, hi] is mapped to [-1, 1] for training, and samples are mapped back; empty means "
      "no scaling.");
  visit("mean", c.mean, list_of(anything()),
        "Mean of each channel for normalize; empty is filled in from the data, or from range.");
  visit("std", c.std, list_of(above(0)),
        "Standard deviation of each channel for normalize; filled in like mean.");
  visit("memory_limit_mb", c.memory_limit_mb, at_least(0),
        "Limit in MB of the pixels in memory: a larger image_folder is decoded on the fly, other "
        "larger sets are refused.");
}

template <class Visitor>
void visit_fields(Visitor& visit, ConditionConfig& c) {
  visit("type", c.type, any_word(),
        "What the network is given besides x_t: the image downscaled, its grey values, the known "
        "part of a sample beside a mask, or an image or vector stored with each item.");
  visit("factor", c.factor, between(2, 256),
        "downscale: how many times smaller the given image is, in height and width.");
  visit("mask", c.mask, any_word(),
        "mask: what is unknown. Images: one to three boxes, a box in the centre, or random pixels; "
        "signals: random numbers, their end (forecast), or whole channels.");
  visit("share", c.share, between(0, 1),
        "mask: boxes and centre: the (largest) side of a box as a share of the image's; random: "
        "share of unknown numbers, 0 draws it anew for each sample; channels: share of unknown "
        "ones.");
  visit("horizon", c.horizon, at_least(0), "mask forecast: number of unknown steps at the end.");
  visit("path", c.path, anything(),
        "image, vector: an array with one row for each item of the data, in their order, or for "
        "image a folder of pictures with the names of the data's.");
  visit("array", c.array, anything(),
        "path: the array's name in a file with several; empty means the only one.");
  visit("dropout", c.dropout, between(0, 1),
        "Share of items trained without the condition, which classifier-free guidance needs.");
  visit("noise", c.noise, at_least(0),
        "downscale, grey, image: training adds Gaussian noise to the condition, with a standard "
        "deviation from 0 to this, which the network is told; 0 adds none.");
  visit("mean", c.mean, list_of(anything()),
        "vector, image of numbers: mean of each channel; empty is filled in from the data.");
  visit("std", c.std, list_of(above(0)), "Standard deviation of each channel; filled in likewise.");
}

template <class Visitor>
void visit_fields(Visitor& visit, ModelConfig& c) {
  visit("type", c.type, any_word(),
        "The network: unet for images and signals, mlp for points; gaussian_oracle and "
        "mixture_oracle are the exact networks for such data.");
  visit("channels", c.channels, between(4, 8192), "unet: channels at full resolution.");
  visit("channel_multipliers", c.channel_multipliers, list_of(between(1, 64), 1, 8),
        "unet: one factor of channels per resolution level; each level halves height and width.");
  visit("blocks_per_level", c.blocks_per_level, between(1, 16),
        "unet: residual blocks per level of the encoder; the decoder has one more.");
  visit("attention_resolutions", c.attention_resolutions, list_of(at_least(1)),
        "unet: levels with self-attention, by their height in pixels (signals: length), after "
        "patching.");
  visit("mid_attention", c.mid_attention, anything(),
        "unet: self-attention between the two middle blocks.");
  visit("attention_heads", c.attention_heads, between(1, 1024), "unet: heads of self-attention.");
  visit("attention_head_dim", c.attention_head_dim, between(0, 8192),
        "unet: channels per head, so that wider levels have more heads; 0 uses attention_heads.");
  visit("mid_attention_norm", c.mid_attention_norm, anything(),
        "unet: group normalisation before the middle attention, as before the others.");
  visit("dropout", c.dropout, from_below(0, 1),
        "unet: share of activations zeroed in training, in each residual block.");
  visit("norm_groups", c.norm_groups, between(1, 1024), "unet: groups of group normalisation.");
  visit("norm_eps", c.norm_eps, above(0),
        "unet: epsilon added to the variance in group normalisation.");
  visit(
      "scale_shift_norm", c.scale_shift_norm, anything(),
      "unet: the time embedding scales and shifts the second normalisation instead of being added "
      "before it.");
  visit("time_embedding", c.time_embedding, any_word(),
        "Order of the halves of the time embedding: sin_cos as in Ho et al., cos_sin as in Nichol "
        "and Dhariwal.");
  visit("time_frequency_shift", c.time_frequency_shift, between(0, 1),
        "Shift s in the frequencies exp(-i ln 1e4 / (half - s)): 1 as in Ho et al., 0 as in Nichol "
        "and Dhariwal.");
  visit("time_scale", c.time_scale, above(0),
        "Factor of t before the time embedding: 1000 / T as in Nichol and Dhariwal.");
  visit("downsample_padding", c.downsample_padding, any_word(),
        "unet: padding before downsampling: right and bottom (end, as in Ho et al.) or all sides "
        "(both).");
  visit("patch_size", c.patch_size, between(1, 64),
        "unet: side in pixels of the squares that become channels before the first convolution.");
  visit("class_conditional", c.class_conditional, anything(),
        "unet and mlp: conditions the network on the data's classes, to sample by class.");
  visit("self_conditioning", c.self_conditioning, anything(),
        "unet and mlp: the network also gets its previous prediction of the clean sample; training "
        "costs a third more.");
  visit("hidden", c.hidden, between(1, 65536), "mlp: width of the hidden layers.");
  visit("layers", c.layers, between(1, 1024), "mlp: number of hidden layers.");
  visit("variance", c.variance, above(0), "gaussian_oracle, mixture_oracle: variance of the data.");
  visit("means", c.means, list_of(anything()), "mixture_oracle: as data.means.");
  visit("weights", c.weights, list_of(above(0)), "mixture_oracle: as data.weights.");
  visit("sample_shape", c.sample_shape, list_of(at_least(1), 0, 3),
        "Shape of a sample, [C, H, W], [C, L] or [D]; filled in from the data set.");
  visit("sample_kind", c.sample_kind, any_word(),
        "What a sample is: an image of 8-bit values, a float_image of any numbers, a signal or a "
        "point; filled in from the data set, and from sample_shape where a file does not say.");
  visit("classes", c.classes, at_least(0),
        "Number of classes; filled in from the data set; 0 means unconditional.");
  visit("condition_channels", c.condition_channels, at_least(0),
        "Channels that a condition adds to the network's input; filled in from the data set.");
  visit("condition_size", c.condition_size, at_least(0),
        "Numbers of a vector as condition; filled in from the data set.");
  visit("class_names", c.class_names, list_of(anything()),
        "Names of the classes in order; empty is filled in from the data set. If given, the data's "
        "classes are numbered as in this list.");
}

template <class Visitor>
void visit_fields(Visitor& visit, DiffusionConfig& c) {
  visit("process", c.process, any_word(),
        "The forward process: ddpm, the discrete chain of timesteps and schedule, or of continuous "
        "time vp, subvp, ve (of score_sde), edm, or flow, the straight way from data to noise.");
  visit("schedule", c.schedule, any_word(),
        "Noise schedule: beta_t, the variance of the noise that step t adds, for t = 1 to T.");
  visit("timesteps", c.timesteps, between(1, kMaxTimesteps), "Steps T of the forward process.");
  visit("beta_start", c.beta_start, inside(0, 1), "beta_1, where the schedule has one.");
  visit("beta_end", c.beta_end, inside(0, 1), "beta_T, where the schedule has one.");
  visit("betas", c.betas, list_of(inside(0, 1)),
        "Schedule betas: beta_1 to beta_T given one by one.");
  visit("beta_min", c.beta_min, above(0), "vp, subvp: beta at t = 0.");
  visit("beta_max", c.beta_max, above(0), "vp, subvp: beta at t = 1.");
  visit("sigma_min", c.sigma_min, at_least(0),
        "ve, edm: the least noise; 0 is the process's own, 0.01 or 0.002.");
  visit("sigma_max", c.sigma_max, at_least(0),
        "ve, edm: the most noise; 0 is the process's own, 50 or 80.");
  visit("sigma_data", c.sigma_data, above(0),
        "Standard deviation of the data that the prediction edm, the loss edm and the inputs of "
        "networks on ve and edm are scaled by.");
  visit(
      "prediction", c.prediction, any_word(),
      "What the network predicts: the noise, the clean sample, v, the chain's posterior mean, and "
      "of continuous time also flow (noise less sample), edm (F of Karras et al.) or the score.");
  visit(
      "variance", c.variance, any_word(),
      "Variance of a reverse step: beta_t, the posterior's, learned, or learned between the two.");
  visit("loss", c.loss, any_word(),
        "Training loss: the plain squared error in epsilon, weighted as in the bound, the bound "
        "itself, simple plus a little of the bound, min-SNR weighted, weighted as by Karras et al. "
        "(edm), or the plain squared error in what the network predicts (mse).");
  visit("hybrid_lambda", c.hybrid_lambda, at_least(0), "hybrid: weight of the bound.");
  visit("min_snr_gamma", c.min_snr_gamma, above(0),
        "min_snr: cap of the signal-to-noise ratio in the weight.");
  visit("timestep_sampler", c.timestep_sampler, any_word(),
        "How t is drawn for training: uniformly, one from each part of the times, on the chain by "
        "recent loss, in continuous time with log sigma or log(t / (1 - t)) normally distributed.");
  visit("log_normal_mean", c.log_normal_mean, anything(), "log_normal: mean of log sigma.");
  visit("log_normal_std", c.log_normal_std, above(0), "log_normal: its standard deviation.");
  visit("logit_normal_mean", c.logit_normal_mean, anything(),
        "logit_normal: mean of log(t / (1 - t)).");
  visit("logit_normal_std", c.logit_normal_std, above(0), "logit_normal: its standard deviation.");
  visit("loss_weighting", c.loss_weighting, any_word(),
        "learned: a linear layer on the embedded time learns u, the logarithm of the loss at that "
        "time, and training minimises exp(-u) loss + u, which weights all times equally.");
  visit("rescale_zero_terminal_snr", c.rescale_zero_terminal_snr, anything(),
        "Rescales the schedule to zero terminal SNR: no signal at t = T.");
}

template <class Visitor>
void visit_fields(Visitor& visit, TrainConfig& c) {
  visit("steps", c.steps, at_least(0), "Total number of optimiser updates.");
  visit("batch_size", c.batch_size, at_least(1),
        "Samples per update, summed over processes and micro-batches.");
  visit("micro_batch", c.micro_batch, at_least(0),
        "Samples per forward pass of one process, to save memory; 0 means its whole share.");
  visit("optimizer", c.optimizer, any_word(),
        "Adam, AdamW with weight decay, or Muon for matrices and filters with AdamW for the rest.");
  visit("learning_rate", c.learning_rate, above(0), "Learning rate after the warm-up.");
  visit("learning_rates", c.learning_rates, above(0),
        "Factors of the learning rate, and with it of the weight decay, by patterns as in freeze: "
        "{\"conv_in\": 0.1}; other parameters have 1, and no parameter may match two patterns.");
  visit("freeze", c.freeze, list_of(anything()),
        "Parameters of the network that stay as they are, by name: * stands for any text and ? for "
        "one character; a pattern without them also stands for all names that begin with its "
        "parts, as down_blocks.0 for down_blocks.0.resnets.0.conv1.weight.");
  visit("train_only", c.train_only, list_of(anything()),
        "Patterns as in freeze: all other parameters of the network stay as they are.");
  visit("beta1", c.beta1, from_below(0, 1), "Adam: decay of the mean gradient.");
  visit("beta2", c.beta2, from_below(0, 1), "Adam: decay of the mean squared gradient.");
  visit("adam_eps", c.adam_eps, above(0), "Adam: added to the root of the squared gradient.");
  visit("weight_decay", c.weight_decay, at_least(0),
        "adamw, muon: share of each weight, times the learning rate, removed per update.");
  visit("muon_momentum", c.muon_momentum, from_below(0, 1),
        "muon: decay of the mean gradient of matrices and filters.");
  visit("learning_rate_schedule", c.learning_rate_schedule, any_word(),
        "After the warm-up: constant; cosine and linear fall to 0 at the last step; inverse_sqrt "
        "falls as 1 / sqrt(step) from decay_start; trapezoid is constant, and linear to 0 from "
        "decay_start.");
  visit("decay_start", c.decay_start, at_least(0),
        "inverse_sqrt, trapezoid: the update from which the rate falls; 0 means the end of the "
        "warm-up for inverse_sqrt, 80 % of the steps for trapezoid.");
  visit("warmup_steps", c.warmup_steps, at_least(0),
        "Updates over which the learning rate rises linearly from 0.");
  visit("gradient_clip", c.gradient_clip, at_least(0),
        "Largest global norm of the gradients; 0 turns clipping off.");
  visit("ema_decay", c.ema_decay, from_below(0, 1),
        "Decay per update of the EMA weights, which sampling uses.");
  visit("ema_warmup", c.ema_warmup, anything(),
        "Shorter averages at first: decay min(ema_decay, (1 + s) / (10 + s)) at step s.");
  visit("ema_snapshot_every", c.ema_snapshot_every, at_least(0),
        "Steps between snapshots of two averages of the weights, in the run folder's ema/, from "
        "which `sample --ema WIDTH` makes an average of any width; 0 means none.");
  visit("precision", c.precision, any_word(),
        "Number format of the network in training: fp16 needs a GPU, auto selects the best "
        "available.");
  visit("tf32", c.tf32, any_word(),
        "fp32 on a GPU: which products round their inputs to TF32's 10 bits of mantissa, for "
        "speed: convolutions, as in PyTorch by default, all, or none.");
  visit("deterministic", c.deterministic, anything(),
        "On a GPU: kernels that give the same bytes in each run; false lets the libraries try "
        "theirs and take the fastest. On the CPU runs repeat anyway.");
  visit("cuda_graph", c.cuda_graph, any_word(),
        "auto records an update's kernels as a CUDA graph after a few updates on a GPU, and "
        "launches that; off launches kernel by kernel.");
  visit("gradient_checkpointing", c.gradient_checkpointing, anything(),
        "unet: recomputes each residual block in the backward pass instead of storing its "
        "activations: less memory, a third more FLOPs.");
  visit("compress_gradients", c.compress_gradients, anything(),
        "Several processes: all-reduces gradients in bfloat16, which halves the traffic.");
  visit("shard_optimizer", c.shard_optimizer, anything(),
        "Several processes: each stores the optimiser state and EMA weights of its share of the "
        "parameters, updates this share, and sends it to the others.");
  visit("label_dropout", c.label_dropout, between(0, 1),
        "Share of labels replaced by \"no class\", which classifier-free guidance needs.");
  visit("log_every", c.log_every, at_least(1), "Steps between log lines and metrics.");
  visit("eval_every", c.eval_every, at_least(0),
        "Steps between validation losses on held-out items; 0 means none.");
  visit("eval_samples", c.eval_samples, at_least(1), "Held-out items per validation loss.");
  visit("sample_every", c.sample_every, at_least(0),
        "Steps between grids of samples; 0 means none.");
  visit("checkpoint_every", c.checkpoint_every, at_least(1), "Steps between saves of model.pt.");
  visit("keep_last", c.keep_last, at_least(0), "Number of newest checkpoints/step-N.pt to keep.");
  visit("keep_every", c.keep_every, at_least(0),
        "Checkpoints at multiples of this many steps are kept forever; 0 means none.");
}

template <class Visitor>
void visit_fields(Visitor& visit, SampleConfig& c) {
  visit("sampler", c.sampler, any_word(), sampler_help().c_str());
  visit("steps", c.steps, between(0, kMaxTimesteps),
        "Reverse steps; 0 means all T, and 50 where time is continuous.");
  visit("eta", c.eta, between(0, 1), "ddim: noise per step, from 0, none, to 1, ancestral.");
  visit("spacing", c.spacing, any_word(), spacing_help().c_str());
  visit("steps_offset", c.steps_offset, between(0, kMaxTimesteps),
        "Spacing leading: added to every timestep, within the limit of T.");
  visit("skip_zero", c.skip_zero, anything(),
        "Spacings leading and uniform: computes one more timestep and drops the last one, 0.");
  visit("clip_x0", c.clip_x0, anything(),
        "Clamps the predicted clean image to clip_range; points are never clamped.");
  visit("clip_range", c.clip_range, above(0),
        "clip_x0: largest absolute value of a clean image; images are in [-1, 1].");
  visit(
      "dynamic_threshold", c.dynamic_threshold, from_below(0, 1),
      "Clamps each predicted clean sample to the range of this share of its values, such as 0.995, "
      "and scales it to [-1, 1]; 0 uses clip_x0 instead.");
  visit("dynamic_threshold_max", c.dynamic_threshold_max, at_least(0),
        "dynamic_threshold: upper limit of that range; 0 means none.");
  visit("ddim_epsilon", c.ddim_epsilon, any_word(),
        "ddim: epsilon of a step with a clamped clean image: recomputed from it (clipped), or the "
        "network's (network), as in diffusers.");
  visit("end_at_data", c.end_at_data, anything(),
        "ddim: the last step goes to the clean sample; otherwise the noise of t = 1 remains.");
  visit("grid", c.grid, between(1, 4096), "Images in a grid drawn while training.");
  visit(
      "guidance", c.guidance, at_least(0),
      "Classifier-free guidance scale: 1 is plain conditional, larger values follow the class more "
      "closely.");
  visit("guidance_interval", c.guidance_interval, list_of(at_least(0), 0, 2),
        "[lo, hi]: guidance is used only where sigma, the ratio of noise to signal, is in this "
        "interval; empty means everywhere.");
  visit("tolerance", c.tolerance, inside(0, 1),
        "dopri5: largest error of a step, in root mean square, relative to 1 + |x|.");
  visit("unipc_order", c.unipc_order, between(2, 3), "unipc: order of its steps.");
  visit("corrector_steps", c.corrector_steps, between(0, 1000),
        "pc: Langevin steps at each noise level.");
  visit("snr", c.snr, above(0), "pc: signal-to-noise ratio that sets the size of Langevin steps.");
  visit("churn", c.churn, at_least(0),
        "heun: noise added and removed again in each step, S_churn of Karras et al.; 0 is none.");
  visit("churn_min", c.churn_min, at_least(0), "churn: least sigma where it is added, S_tmin.");
  visit("churn_max", c.churn_max, at_least(0),
        "churn: largest sigma where it is added, S_tmax; 0 means any.");
  visit("churn_noise", c.churn_noise, above(0), "churn: factor of the added noise, S_noise.");
}

template <class Visitor>
void visit_fields(Visitor& visit, Config& c) {
  visit("seed", c.seed, at_least(0), "Seed of all random numbers: same seed, same run.");
  visit("data", c.data, "The training data.");
  visit("condition", c.condition, "What the network is conditioned on besides classes.");
  visit("model", c.model, "The network.");
  visit("diffusion", c.diffusion,
        "The forward process, the network's prediction target and the loss.");
  visit("train", c.train, "Training.");
  visit("sample", c.sample, "Defaults of sampling, and of the grids drawn while training.");
}

// NOLINTEND(readability-function-size)

}  // namespace diffuse
