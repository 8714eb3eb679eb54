#!/usr/bin/env bash
# Installs the dependencies of diffuse and builds it into build/release. See --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
usage: scripts/setup.sh [--cuda] [--test] [--no-build]

On Debian 12: installs missing packages, downloads LibTorch 2.11.0 into .deps/libtorch, and builds
build/release/diffuse. A second run does only the remaining steps.

  --cuda      LibTorch with its CUDA libraries (4.6 GB), for NVIDIA GPUs; otherwise CPU-only (1.3 GB)
  --test      also set up the tests: .deps/python with PyTorch and peers (5 GB), and the test programs
  --no-build  stop before configuring

To use your own LibTorch (2.6 or newer), set TORCH_DIR or activate a python3 that has torch.
TEXT
}

torch_version=2.11.0
cuda=false test=false build=true
for argument in "$@"; do
  case "$argument" in
    --cuda) cuda=true ;;
    --test) test=true ;;
    --no-build) build=false ;;
    -h | --help) usage; exit 0 ;;
    *) echo "setup.sh: unknown argument $argument" >&2; usage >&2; exit 2 ;;
  esac
done

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }

install_packages() {
  local wanted=(g++ cmake ninja-build ccache lld nlohmann-json3-dev libcli11-dev libspdlog-dev
    libpng-dev libjpeg-dev libwebp-dev libtiff-dev libgif-dev librsvg2-dev pkg-config zlib1g-dev libgloo-dev
    python3-venv ca-certificates)
  if $test; then
    wanted+=(libgtest-dev clang-format-14 git iproute2 slurmctld slurmd slurm-client)
  fi
  if ! command -v apt-get dpkg-query >/dev/null; then
    say "no apt here: assuming that these packages or their equivalents are installed: ${wanted[*]}"
    return
  fi
  local missing=() package sudo=()
  for package in "${wanted[@]}"; do
    [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == *" installed" ]] ||
      missing+=("$package")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  if [[ $(id -u) -ne 0 ]]; then
    command -v sudo >/dev/null ||
      fail "as root, run: apt-get install ${missing[*]}; then run this again"
    sudo=(sudo)
  fi
  say "installing ${missing[*]}"
  { "${sudo[@]}" apt-get update -qq &&
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null; } ||
    fail "apt could not install: ${missing[*]}"
}

# A Python that can make a virtual environment; the system's first, since shims may lack venv.
find_python() {
  local python
  for python in /usr/bin/python3 python3; do
    if "$python" -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  fail "no python3 (3.10 or newer) with venv"
}

# make_venv FOLDER PIP_ARGUMENT...: a stamp file marks a complete environment.
make_venv() {
  local folder=$1 stamp=$1/diffuse-setup python
  shift
  [[ $(cat "$stamp" 2>/dev/null) != "$*" ]] || return 0
  say "filling $folder: $*"
  python=$(find_python)
  [[ -x $folder/bin/python ]] || "$python" -m venv "$folder"
  "$folder/bin/python" -m pip install --disable-pip-version-check -q "$@" ||
    fail "pip could not fill $folder"
  echo "$*" >"$stamp"
}

# Prints the path of the user's own LibTorch, or nothing.
own_libtorch() {
  if [[ -n ${TORCH_DIR:-${LibTorch_ROOT:-}} ]]; then
    echo "${TORCH_DIR:-$LibTorch_ROOT}"
    return
  fi
  python3 - 2>/dev/null <<'PYTHON' || true
import importlib.metadata as metadata
import importlib.util as util

if tuple(int(part) for part in metadata.version("torch").split(".")[:2]) >= (2, 6):
    print(util.find_spec("torch").submodule_search_locations[0])
PYTHON
}

get_libtorch() {
  local own
  own=$(own_libtorch)
  if [[ -n $own ]]; then
    say "using your LibTorch in $own"
  elif [[ -L .deps/libtorch ]]; then
    :  # the test environment's, which is complete
  elif $cuda; then
    make_venv .deps/libtorch "torch==$torch_version"
  elif [[ -f .deps/libtorch/diffuse-setup ]]; then
    :  # installed, with or without CUDA
  elif $test; then
    mkdir -p .deps && rm -rf .deps/libtorch && ln -s python .deps/libtorch
  else
    # libtorch_cpu of the wheel loads only these two CUDA libraries.
    make_venv .deps/libtorch --no-deps "torch==$torch_version" \
      'nvidia-cuda-runtime==13.0.*' 'nvidia-cuda-cupti==13.0.*'
  fi
}

build_program() {
  say "configuring and building build/release"
  mkdir -p build
  cmake --preset release -DDIFFUSE_BUILD_TESTS="$test" >build/configure.log 2>&1 ||
    { cat build/configure.log >&2; fail "cmake could not configure the build"; }
  cmake --build --preset release -j "$(scripts/jobs.sh)"
  say "built build/release/diffuse: $(build/release/diffuse --version | head -n 1)"
}

install_packages
if $test; then make_venv .deps/python -r tests/python/requirements.txt; fi
get_libtorch
if $build; then build_program; fi
