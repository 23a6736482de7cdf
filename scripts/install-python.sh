#!/usr/bin/env bash
# Installs real vLLM and the SDK clients. Retries once, because a download may be interrupted; completed downloads are
# not repeated.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh

for try in first second; do
  if scripts/install-vllm.sh && scripts/install-clients.sh; then exit 0; fi
  step "installation failed ($try attempt)"
done
exit 1
