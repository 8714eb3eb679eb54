#!/usr/bin/env bash
# From nothing to generated pictures: sets up, trains on drawn shapes, samples a grid.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

run=runs/shapes
summary=""
# phase NAME COMMAND...: runs the command and notes how long it took.
phase() {
  local name=$1 start=$SECONDS
  shift
  echo "== $name: $*"
  "$@"
  summary+=$(printf '  %-8s %d min %02d s' "$name" $(((SECONDS - start) / 60)) $(((SECONDS - start) % 60)))$'\n'
}

phase setup scripts/setup.sh "$@"
# Stopped and started again, the training goes on from its last checkpoint.
phase train build/release/diffuse train --config configs/shapes.json --out $run --resume
phase sample build/release/diffuse sample --ckpt $run/model.pt -n 64 -o $run/samples.png

printf '%s' "$summary"
echo "The pictures: $PWD/$run/samples.png"
