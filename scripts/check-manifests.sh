#!/usr/bin/env bash
# check-manifests.sh [BINARY]: renders each kustomization under manifests/ as `kubectl apply -k` would, and checks that
# the pods it makes are closed as they should be. With a setpoint binary: that it knows the arguments and the example
# too. Needs no cluster.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh

readonly SETPOINT=${1:-}

command -v kubectl >/dev/null || fail "kubectl is missing" "apt-get install kubernetes-client"

# The kubectl of Debian 12 (1.20, with kustomize 2) does not know today's words.
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
  step "the kustomizations are not rendered: this kubectl is older than 1.21"
  check_endpoints
  exit 0
fi
rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT

# json FILE: objects as a sequence of JSON documents. `annotate --local` is the plainest command that converts and asks
# no server.
json() {
  kubectl annotate --local --overwrite --filename "$1" setpoint.dev/rendered=yes --output json
}

# typed FILE: only what kubectl's own types know of the workloads: a misspelt field is dropped. It complains about
# objects without pods.
typed() {
  kubectl set env --local --filename "$1" RENDERED=yes --output json 2>/dev/null || true
}

json manifests/controller/secret.example.yaml >"$rendered/secrets.json"
while IFS= read -r kustomization; do
  folder=$(dirname "$kustomization")
  kubectl kustomize "$folder" >"$rendered/objects.yaml" 2>"$rendered/words" ||
    fail "kubectl kustomize $folder failed: $(cat "$rendered/words")"
  # It speaks of words that are going out of use.
  [ ! -s "$rendered/words" ] || fail "kubectl kustomize $folder: $(cat "$rendered/words")"
  json "$rendered/objects.yaml" >"$rendered/objects.json"
  typed "$rendered/objects.yaml" >"$rendered/typed.json"
  python3 scripts/pod-rules.py "$folder" "$rendered/objects.json" "$rendered/typed.json" "$rendered/secrets.json" \
    ${SETPOINT:+--setpoint "$SETPOINT"}
done < <(find manifests -name kustomization.yaml | sort)

check_endpoints
