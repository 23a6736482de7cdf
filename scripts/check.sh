#!/usr/bin/env bash
# Checks that need no build: Swift's format, the house rules, and that shell scripts parse.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
swift format lint --strict --recursive --parallel Package.swift Sources Tests || failed=1
python3 scripts/house-rules.py || failed=1
for script in scripts/*.sh .ci/run; do
  bash -n "$script" || failed=1
done
[ "$failed" -eq 0 ] && echo "nothing to say"
exit "$failed"
