#!/usr/bin/env bash
# Made the checkpoints and samples of this folder with version 0.1.0: make.sh PROGRAM FOLDER.
# Each folder holds a config, the checkpoint after its last step, six samples of it, and six samples after
# four more steps from it.
set -euo pipefail
program=$(realpath "$1") to=$2
unet='"type": "unet", "channels": 4, "channel_multipliers": [1, 2], "blocks_per_level": 1, "norm_groups": 4, "dropout": 0'
train='"steps": 8, "batch_size": 8, "warmup_steps": 0, "ema_decay": 0.9, "learning_rate": 1e-3'

# make NAME SAMPLE_FLAGS CONFIG
make() {
  local folder=$to/$1
  local work
  work=$(mktemp -d)
  mkdir -p "$folder"
  echo "$3" >"$folder/config.json"
  "$program" train --config "$folder/config.json" --device cpu --threads 1 --out "$work/run"
  cp -L "$work/run/model.pt" "$folder/model.pt"
  "$program" sample --ckpt "$folder/model.pt" --device cpu --threads 1 -n 6 --seed 5 $2 -o "$folder/samples.npy"
  "$program" train --config "$folder/config.json" --device cpu --threads 1 --out "$work/more" \
    --resume "$folder/model.pt" --set train.steps=12
  "$program" sample --ckpt "$work/more" --device cpu --threads 1 -n 6 --seed 5 $2 -o "$folder/resumed.npy"
  rm -r "$work"
}

make points "--sampler ddpm" '{"sample": {"clip_x0": false}, "data": {"type": "gaussian", "count": 200, "normalize": true, "variance": 9},
 "model": {"type": "mlp", "hidden": 16, "layers": 2},
 "diffusion": {"timesteps": 20, "beta_end": 0.5, "prediction": "x0", "timestep_sampler": "importance"},
 "train": {'"$train"'}}'
make classes "--sampler ddim --steps 8 --guidance 2 --class all" '{"data": {"type": "shapes", "count": 60, "image_size": 8},
 "model": {'"$unet"', "attention_resolutions": [4], "class_conditional": true},
 "diffusion": {"timesteps": 40, "beta_end": 0.3},
 "train": {'"$train"', "label_dropout": 0.2}}'
make learned_variance "--sampler ddpm --steps 10" '{"data": {"type": "shapes", "count": 60, "image_size": 8},
 "model": {'"$unet"', "attention_resolutions": [], "scale_shift_norm": true, "self_conditioning": true},
 "diffusion": {"schedule": "cosine", "timesteps": 40, "prediction": "v", "variance": "learned_range", "loss": "hybrid"},
 "train": {'"$train"'}}'
make signals "--sampler dpmpp2m --steps 6" '{"data": {"type": "waveforms", "count": 60, "length": 16},
 "model": {'"$unet"', "attention_resolutions": [8]},
 "diffusion": {"timesteps": 40, "beta_end": 0.3, "prediction": "mu", "loss": "min_snr"},
 "train": {'"$train"'}}'
