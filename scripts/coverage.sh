#!/usr/bin/env bash
# Line coverage of our own code: builds with counters, runs all tests, and prints a table of the coverage and
# the uncovered lines of each file. Needs scripts/setup.sh --test; takes half an hour on two cores.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=build/coverage
.deps/python/bin/python -m pip install --quiet gcovr==8.8
cmake --preset coverage >/dev/null
cmake --build --preset coverage
find $build -name '*.gcda' -delete
ctest --preset coverage || echo "coverage: some tests failed; the lines they ran still count"
.deps/python/bin/gcovr --root . --object-directory $build --filter src/ --filter include/ --merge-lines \
  --exclude-throw-branches --gcov-ignore-parse-errors=negative_hits.warn -j "$(scripts/jobs.sh)" \
  --txt $build/coverage.txt --print-summary $build
echo "$build/coverage.txt"
