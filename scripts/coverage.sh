#!/usr/bin/env bash
# Which lines of our own code the tests run: a build with counters, all tests, and a table with the files'
# shares and the lines left out. Wants what scripts/setup.sh --test sets up; half an hour on two cores.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=build/coverage
.deps/python/bin/python -m pip install --quiet gcovr==8.8
cmake --preset coverage >/dev/null
cmake --build --preset coverage
find $build -name '*.gcda' -delete
ctest --preset coverage || echo "coverage: some tests failed; what they ran counts all the same"
.deps/python/bin/gcovr --root . --object-directory $build --filter src/ --filter include/ --merge-lines \
  --exclude-throw-branches --gcov-ignore-parse-errors=negative_hits.warn -j "$(scripts/jobs.sh)" \
  --txt $build/coverage.txt --print-summary $build
echo "$build/coverage.txt"
