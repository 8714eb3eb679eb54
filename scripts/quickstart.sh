#!/usr/bin/env bash
# Sets up, trains on drawn shapes, samples a grid of pictures. See --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
usage: scripts/quickstart.sh [FLAG of scripts/setup.sh]...

Sets up, trains on drawn shapes in runs/shapes, and samples a grid of pictures there. After an
interruption, training resumes. `scripts/setup.sh --help` lists its flags, such as --cuda.
TEXT
}
for argument in "$@"; do
  case "$argument" in
    -h | --help) usage; exit 0 ;;
  esac
done

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
