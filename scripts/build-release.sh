#!/usr/bin/env bash
# build-release.sh PRODUCT...: builds optimized binaries into .build-release/release. They include Swift's libraries, so
# they run without Swift installed. The separate directory leaves a developer's .build untouched.
set -euo pipefail
cd "$(dirname "$0")/.."

# Code that nothing uses is left out: each function is a section of its own, and the linker keeps only those that are
# reachable from main. By default, all symbols are exported and so all of them are kept.
readonly SMALL=(
  -Xswiftc -Xfrontend -Xswiftc -function-sections
  -Xcc -ffunction-sections -Xcc -fdata-sections
  -Xlinker --no-export-dynamic
)

for product in "$@"; do
  swift build --configuration release --static-swift-stdlib --scratch-path .build-release "${SMALL[@]}" \
    --product "$product"
done
