#!/usr/bin/env bash
# Every test. Real vLLM and the SDK clients are installed in the background while Swift builds, and the release binaries
# are built in the background while the Swift tests run, which leave a core idle. A part that fails does not keep the
# others from running; a build that fails does.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh

# No part may hang for ever. On two idle cores the whole takes a third of this.
readonly PART_LIMIT=45m

logs=$(mktemp -d)
installer=
release_build=
failed=()
table=()

finish() {
  for background in $installer $release_build; do kill "$background" 2>/dev/null || true; done
  rm -rf "$logs"
}
trap finish EXIT

# part TITLE COMMAND...: run it, note whether it passed and how long it took.
part() {
  local title=$1 began=$SECONDS status=0
  shift
  step "$title"
  timeout --foreground --kill-after 30s "$PART_LIMIT" "$@" || status=$?
  if [ "$status" -eq 0 ]; then
    table+=("$(printf '%-60s %5d s  ok' "$title" $((SECONDS - began)))")
  else
    table+=("$(printf '%-60s %5d s  FAILED (exit %d)' "$title" $((SECONDS - began)) "$status")")
    failed+=("$title")
  fi
  return "$status"
}

# Twice if need be: a download that broke off is the network's, and what came is not fetched again.
install_python_parts() {
  local try
  for try in first second; do
    if nice scripts/install-vllm.sh && nice scripts/install-clients.sh; then return 0; fi
    step "that was the $try try"
  done
  return 1
}

installed_python_parts() {
  local status=0
  wait "$installer" || status=$?
  installer=
  cat "$logs/install"
  return "$status"
}

built_release() {
  local status=0
  wait "$release_build" || status=$?
  release_build=
  cat "$logs/release"
  return "$status"
}

# waited TITLE COMMAND...: wait for what was begun in the background; unlike a part it needs this shell.
waited() {
  local title=$1 began=$SECONDS status=0
  shift
  step "$title"
  "$@" || status=$?
  if [ "$status" -eq 0 ]; then
    table+=("$(printf '%-60s %5d s  ok' "waited for: $title" $((SECONDS - began)))")
  else
    table+=("$(printf '%-60s %5d s  FAILED (exit %d)' "$title" $((SECONDS - began)) "$status")")
    failed+=("$title")
  fi
  return "$status"
}

summary() {
  printf '\nWhat ran:\n'
  printf '  %s\n' "${table[@]}"
  step "all together"
}

scripts/install-system.sh
part "the scripts' own tests" python3 -m unittest discover --start-directory Tests/scripts || true
install_python_parts >"$logs/install" 2>&1 &
installer=$!

part "swift build (debug, with tests)" swift build --build-tests ||
  { summary; fail "the build failed; nothing was tested"; }
timeout --kill-after 30s "$PART_LIMIT" nice scripts/build-release.sh explore soak setpoint >"$logs/release" 2>&1 &
release_build=$!
# One after the other: hundreds of tests at once on two cores, servers and processes among them, measure the machine.
part "swift test" python3 scripts/leftovers.py run swift test --skip-build --disable-xctest --no-parallel || true

released=
if waited "swift build (release: explore, soak, setpoint)" built_release; then
  released=yes
  part "exploration of every reachable state" .build-release/release/explore || true
  # One arena: with several, memory grows as threads come to use them, more so the more cores there are.
  part "a day of a controller, in virtual time" env MALLOC_ARENA_MAX=1 .build-release/release/soak || true
fi

if waited "vLLM and the SDK clients" installed_python_parts; then
  part "Databricks SDK and MLflow against the test workspace" .tools/clients/bin/python \
    Tests/e2e/workspace_clients.py --workspace .build/debug/workspace-double || true
  part "versions looked up in a real MLflow server" .tools/clients/bin/python Tests/e2e/mlflow_registry.py \
    --setpoint .build/debug/setpoint --workspace .build/debug/workspace-double || true
  # Told last, so that its closing line is the last count that is read.
  if [ -n "$released" ]; then
    part "manifests of the controller's pod" scripts/check-manifests.sh .build-release/release/setpoint || true
    part "Containerfile" scripts/check-container.sh .build-release/release/setpoint || true
    part "the README's commands, as they stand" python3 Tests/e2e/readme.py \
      --setpoint .build-release/release/setpoint || true
    part "end to end, with real vLLM" python3 scripts/demo.py --assert \
      --setpoint .build-release/release/setpoint || true
  fi
fi

summary
if [ "${#failed[@]}" -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}"
  exit 1
fi
