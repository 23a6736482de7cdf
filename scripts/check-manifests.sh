#!/usr/bin/env bash
# check-manifests.sh [BINARY]: renders each kustomization under manifests/ as `kubectl apply -k` would, and checks that
# the pods it makes are closed as they should be. With a setpoint binary: that it knows the arguments and the example
# too. Needs no cluster.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh

readonly SETPOINT=${1:-}

command -v kubectl >/dev/null || fail "kubectl is missing" "apt-get install kubernetes-client"
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
  # Its words about old field names are known (see the files); anything else it says is shown when it fails.
  kubectl kustomize "$folder" >"$rendered/objects.yaml" 2>"$rendered/words" ||
    fail "kubectl kustomize $folder failed: $(cat "$rendered/words")"
  json "$rendered/objects.yaml" >"$rendered/objects.json"
  typed "$rendered/objects.yaml" >"$rendered/typed.json"
  python3 scripts/pod-rules.py "$folder" "$rendered/objects.json" "$rendered/typed.json" "$rendered/secrets.json" \
    ${SETPOINT:+--setpoint "$SETPOINT"}
done < <(find manifests -name kustomization.yaml | sort)

if [ -n "$SETPOINT" ]; then
  find manifests -type d -name endpoints -print0 | xargs -0 -n1 "$SETPOINT" validate --filename
fi
