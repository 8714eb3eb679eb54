#!/usr/bin/env bash
# What the compiler's warnings do not see: cppcheck and clang-tidy (its checks: .clang-tidy), over src.
# A quarter of an hour on two cores; wants cppcheck and clang-tidy-14. Ends with 1 where either found something.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Files together, as in a usual build, so that LibTorch's headers are read 20 times and not 160.
cmake -S . -B build/lint -G Ninja -DDIFFUSE_PCH=OFF -DDIFFUSE_BUILD_TESTS=OFF \
  -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
sed -i 's/ -fno-reorder-blocks-and-partition//' build/lint/compile_commands.json  # GCC's alone
found=0

# useInitializationList: register_module() wants the modules before it. The file's uninitvar: arrays that
# the loop before fills.
cppcheck --std=c++20 --language=c++ --enable=warning,performance,portability --quiet --error-exitcode=1 \
  --suppress=missingIncludeSystem --suppress=unknownMacro --suppress=useInitializationList \
  --suppress=uninitvar:src/model/winograd_kernel.cpp -I include -I src src || found=1

python3 -c 'import json
for command in json.load(open("build/lint/compile_commands.json")): print(command["file"])' |
  xargs -n 1 -P "$(scripts/jobs.sh)" clang-tidy-14 -p build/lint --quiet --warnings-as-errors='*' 2>/dev/null ||
  found=1
exit $found
