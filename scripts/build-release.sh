#!/usr/bin/env bash
# build-release.sh PRODUCT...: builds optimized binaries into .build-release/release. They include Swift's libraries, so
# they run without Swift installed. The separate directory leaves a developer's .build untouched.
set -euo pipefail
cd "$(dirname "$0")/.."

for product in "$@"; do
  swift build --configuration release --static-swift-stdlib --scratch-path .build-release --product "$product"
done
