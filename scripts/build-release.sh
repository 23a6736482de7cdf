#!/usr/bin/env bash
# build-release.sh PRODUCT...: build optimised binaries into .build-release/release, Swift's libraries included, so that
# one runs where no Swift is installed. A folder of its own leaves a developer's .build alone.
set -euo pipefail
cd "$(dirname "$0")/.."

for product in "$@"; do
  swift build --configuration release --static-swift-stdlib --scratch-path .build-release --product "$product"
done
