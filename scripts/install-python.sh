#!/usr/bin/env bash
# Installs real vLLM and the SDK clients. Twice if need be: a download that broke off is the network's fault, and what came
# is not fetched again.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh

for try in first second; do
  if scripts/install-vllm.sh && scripts/install-clients.sh; then exit 0; fi
  step "that was the $try try"
done
exit 1
