#!/usr/bin/env bash
# Runs the checks that need no build: Swift format, the house rules, and the syntax of shell scripts.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
swift format lint --strict --recursive --parallel Package.swift Sources Tests || failed=1
python3 scripts/house-rules.py || failed=1
for script in scripts/*.sh .ci/run; do
  bash -n "$script" || failed=1
done
[ "$failed" -eq 0 ] && echo "no findings"
exit "$failed"
