#!/usr/bin/env bash
# Time and memory, each figure beside the one it is a ratio of, both measured in this run.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh

readonly SETPOINT=.build-release/release/setpoint
status=0

scripts/install-system.sh
step "building setpoint and the benches (release)"
scripts/build-release.sh setpoint bench
step "the plan of 10,000 manifests"
.build-release/release/bench || status=1
step "the command: start and size"
python3 scripts/bench-command.py --setpoint "$SETPOINT" || status=1
step "the gateway: through the plane against straight to vLLM"
python3 scripts/bench-gateway.py --setpoint "$SETPOINT" || status=1
exit "$status"
