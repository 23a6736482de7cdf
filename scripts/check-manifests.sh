#!/usr/bin/env bash
# check-manifests.sh [BINARY]: renders each kustomization under manifests/ as `kubectl apply -k` would, and checks the
# pods against scripts/pod-rules.py. With a setpoint binary, also checks that it accepts the arguments and the example.
# Needs no cluster.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh

readonly SETPOINT=${1:-}

command -v kubectl >/dev/null || fail "kubectl is missing" "apt-get install kubernetes-client"

# The kubectl of Debian 12 (1.20, with kustomize 2) does not support the current fields.
renders() {
  kubectl version --client --output json 2>/dev/null |
    python3 -c 'import json, sys; sys.exit(int(json.load(sys.stdin)["clientVersion"]["minor"].rstrip("+")) < 21)'
}

check_endpoints() {
  if [ -n "$SETPOINT" ]; then
    find manifests -type d -name endpoints -print0 | xargs -0 -n1 "$SETPOINT" validate --filename
  fi
}

if ! renders; then
  step "skipping the kustomizations: this kubectl is older than 1.21"
  check_endpoints
  exit 0
fi
rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT

# json FILE: prints objects as a sequence of JSON documents. `annotate --local` is the simplest command that converts
# without a server.
json() {
  kubectl annotate --local --overwrite --filename "$1" setpoint.dev/rendered=yes --output json
}

# typed FILE: prints the workloads as kubectl's own types read them, which drops a misspelled field. The command reports
# an error for objects without pods.
typed() {
  kubectl set env --local --filename "$1" RENDERED=yes --output json 2>/dev/null || true
}

json manifests/controller/secret.example.yaml >"$rendered/secrets.json"
while IFS= read -r kustomization; do
  folder=$(dirname "$kustomization")
  kubectl kustomize "$folder" >"$rendered/objects.yaml" 2>"$rendered/words" ||
    fail "kubectl kustomize $folder failed: $(cat "$rendered/words")"
  # Its messages are about deprecated fields.
  [ ! -s "$rendered/words" ] || fail "kubectl kustomize $folder: $(cat "$rendered/words")"
  json "$rendered/objects.yaml" >"$rendered/objects.json"
  typed "$rendered/objects.yaml" >"$rendered/typed.json"
  python3 scripts/pod-rules.py "$folder" "$rendered/objects.json" "$rendered/typed.json" "$rendered/secrets.json" \
    ${SETPOINT:+--setpoint "$SETPOINT"}
done < <(find manifests -name kustomization.yaml | sort)

check_endpoints
