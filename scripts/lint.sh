#!/usr/bin/env bash
# Runs cppcheck and clang-tidy (checks: .clang-tidy) over src. Takes a quarter of an hour on two cores; needs
# cppcheck and clang-tidy-14. Exit code 1 if either finds something.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A unity build, as usual, so that LibTorch's headers are read 20 times instead of 160.
cmake -S . -B build/lint -G Ninja -DDIFFUSE_PCH=OFF -DDIFFUSE_BUILD_TESTS=OFF \
  -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
sed -i 's/ -fno-reorder-blocks-and-partition//' build/lint/compile_commands.json  # GCC only
found=0

# useInitializationList: register_module() needs the preceding modules. uninitvar: arrays that the preceding
# loop fills.
cppcheck --std=c++20 --language=c++ --enable=warning,performance,portability --quiet --error-exitcode=1 \
  --suppress=missingIncludeSystem --suppress=unknownMacro --suppress=useInitializationList \
  --suppress=uninitvar:src/model/ops/cpu/vector_kernels.cpp -I include -I src src || found=1

python3 -c 'import json
for command in json.load(open("build/lint/compile_commands.json")): print(command["file"])' |
  xargs -n 1 -P "$(scripts/jobs.sh)" clang-tidy-14 -p build/lint --quiet --warnings-as-errors='*' 2>/dev/null ||
  found=1
exit $found
