#!/usr/bin/env bash
# What needs a GPU, in about 5 minutes, 13 at most: the tests labelled gpu, the split of a step by kind of
# kernel, and the table of docs/performance.md beside diffusers, eager and compiled.
#   usage: scripts/gpu_check.sh [BUILD_FOLDER=build/release]
# A diffuse and a test_gpu on the PATH come first. DIFFUSE_PYTHON: a python with torch and diffusers, default
# python3; DIFFUSE_DATA: where mnist is. Exits 1 if a test or a program fails.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
build=$PWD/${1:-build/release}
PATH=$PATH:$build:$build/tests
python=${DIFFUSE_PYTHON:-python3}
status=0
begin=$SECONDS

part() { echo; echo "== $1 ($((SECONDS - begin)) s)"; }

# LIMIT COMMAND...: runs it for at most so many seconds.
within() {
  timeout "$@" && return
  status=1
  echo "FAILED: ${*:2}"
}

for program in diffuse test_gpu; do
  command -v $program >/dev/null || { echo "no $program on the PATH or in $build" >&2; exit 2; }
done
part "machine"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || exit 2
diffuse --version

part "tests"
within 150 test_gpu --gtest_brief=1

part "a step of Ho's UNet, batch 128, bf16"
shape='model.sample_shape=[3,32,32]'
bench=(diffuse bench --config configs/cifar.json --set "$shape" --set train.precision=bf16 --device cuda --seconds 2)
within 60 "${bench[@]}"
part "the same with train.deterministic false"
within 60 "${bench[@]}" --set train.deterministic=false

part "whole commands"
within 60 "$python" benchmarks/peers.py --device cuda --diffuse "$(command -v diffuse)" --whole

part "peers"
within 240 "$python" benchmarks/peers.py --device cuda --diffuse "$(command -v diffuse)" --rounds 1 --seconds 2 \
  --precision bf16 --models mnist cifar --peers diffusers
within 240 "$python" benchmarks/peers.py --device cuda --diffuse "$(command -v diffuse)" --rounds 1 --seconds 2 \
  --precision bf16 --models cifar --peers compiled

part "done"
exit $status
