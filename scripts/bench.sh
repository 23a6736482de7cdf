#!/usr/bin/env bash
# Measures time and memory. Figures are ratios to others that are measured in the same run, where that is possible.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh

readonly SETPOINT=.build-release/release/setpoint
status=0

scripts/install-system.sh
step "building setpoint and the benches (release)"
scripts/build-release.sh setpoint bench
step "the plan of 10,000 manifests, both queues, 1,000 rate limits, a controller of 10,000 endpoints, 1,000 creations"
for section in plan queue admission limits resync creation; do
  .build-release/release/bench "$section" || status=1
done
step "the command: start and size"
python3 scripts/bench-command.py --setpoint "$SETPOINT" || status=1
step "the gateway: through the plane compared with direct to vLLM, and while a large model is registered"
python3 scripts/bench-gateway.py --setpoint "$SETPOINT" || status=1
step "waiting: cold starts, held requests and idle streams"
python3 scripts/bench-waiting.py --setpoint "$SETPOINT" --vllm || status=1
exit "$status"
