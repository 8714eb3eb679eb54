#!/usr/bin/env bash
# All checks: build, format, layers, tests, and the tests again under the sanitizers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

summary=""
# phase NAME COMMAND...: runs the command and records its time; the first failure ends the run.
phase() {
  local name=$1 start=$SECONDS verdict=ok
  shift
  echo "== $name"
  "$@" || verdict=FAILED
  summary+=$(printf '  %-10s %-6s %4d s' "$name" $verdict $((SECONDS - start)))$'\n'
  [[ $verdict == ok ]] || { printf '== summary\n%s' "$summary"; exit 1; }
}

check_format() {
  git ls-files -z -- '*.h' '*.cpp' | xargs -0 -n 40 -P "$(nproc)" clang-format-14 --dry-run --Werror
}

# All tests, then those that were skipped within a suite of which others ran: ctest names only whole suites.
run_tests() {
  local status=0
  ctest --preset release || status=$?
  awk '/: Skipped$/ { getline reason }
       /^\[  SKIPPED \] .* \(/ { sub(/,$/, "", $4); print "skipped: " $4 ": " reason }' \
    build/release/Testing/Temporary/LastTest.log
  return $status
}

# Under the sanitizers: the rooms that handle memory and bytes themselves, without LibTorch's code.
sanitize() {
  cmake --preset asan >build/configure.log || { cat build/configure.log; return 1; }
  cmake --build --preset asan -j "$(scripts/jobs.sh)" && ctest --preset asan
}

phase setup scripts/setup.sh --test --no-build
phase format check_format
phase layers scripts/check_layers.py
phase build scripts/setup.sh --test
phase tests run_tests
phase sanitizers sanitize

printf '== summary\n%s' "$summary"
