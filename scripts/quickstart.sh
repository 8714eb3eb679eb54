#!/usr/bin/env bash
# Sets up, trains on drawn shapes, samples a grid of pictures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

run=runs/shapes
summary=""
# phase NAME COMMAND...: runs the command and records its time.
phase() {
  local name=$1 start=$SECONDS
  shift
  echo "== $name: $*"
  "$@"
  summary+=$(printf '  %-8s %d min %02d s' "$name" $(((SECONDS - start) / 60)) $(((SECONDS - start) % 60)))$'\n'
}

phase setup scripts/setup.sh "$@"
# After an interruption, training resumes from its last checkpoint.
phase train build/release/diffuse train --config configs/shapes.json --out $run --resume
phase sample build/release/diffuse sample --ckpt $run/model.pt -n 64 -o $run/samples.png

printf '%s' "$summary"
echo "The pictures: $PWD/$run/samples.png"
