#!/usr/bin/env bash
# Runs every test. Two cores are kept busy: real vLLM and the SDK clients are installed while Swift builds, and the
# Swift tests, the exploration and the soak run alongside the tests with real servers. If a part fails, the others still
# run; without a debug build, nothing runs, and without a release build, what needs it is skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh

# The build of the tests. Its flags are not those of a developer's build in .build, which is left untouched: modules as
# a whole compile from nothing in two thirds of the time.
readonly TESTS=.build-test
readonly BUILD=(--scratch-path "$TESTS" -Xswiftc -whole-module-optimization -Xswiftc -num-threads -Xswiftc 2)

# The time limit of one part. On two idle cores, all parts together take less.
readonly PART_LIMIT=45m
# Of one job in the background, which gets the time that the others leave; one of them is a download.
readonly JOB_LIMIT=90m

logs=$(mktemp -d)
declare -A background=()
declare -A titles=()
failed=()
table=()

finish() {
  for job in "${background[@]}"; do kill "$job" 2>/dev/null || true; done
  rm -rf "$logs"
}
trap finish EXIT

# busy: prints the busy time and the total time of all cores since boot, in hundredths of a second.
busy() {
  local fields field sum=0
  read -r -a fields </proc/stat
  for field in "${fields[@]:1:8}"; do sum=$((sum + field)); done
  echo $((sum - fields[4] - fields[5])) "$sum"
}

# note TITLE STATUS BEGAN BUSY SUM: adds a line to the table: the duration, and how many cores were busy.
note() {
  local title=$1 status=$2 began=$3 busy_before=$4 sum_before=$5 busy_now sum_now tenths verdict=ok
  read -r busy_now sum_now < <(busy)
  tenths=$((10 * $(nproc) * (busy_now - busy_before) / (sum_now - sum_before + 1)))
  [ "$status" -eq 0 ] || verdict="FAILED (exit $status)"
  table+=("$(printf '%-60s %5d s  %2d.%d cores busy  %s' "$title" $((SECONDS - began)) \
    $((tenths / 10)) $((tenths % 10)) "$verdict")")
}

# failure TITLE LOG: keeps the lines that report failures. They are printed last: CI shows the end of a long output.
failure() {
  failed+=("$1")
  { grep -aE '✘|FAIL|rror:|left behind' "$2" || tail -n 5 "$2"; } | tail -n 30 >>"$logs/failures" || true
}

# part TITLE COMMAND...: runs the command and notes its result and duration.
part() {
  local title=$1 began=$SECONDS status=0 before
  shift
  step "$title"
  before=$(busy)
  local out tee
  exec {out}> >(tee "$logs/part")
  tee=$!
  timeout --foreground --kill-after 30s "$PART_LIMIT" "$@" >&"$out" 2>&1 {out}>&- || status=$?
  exec {out}>&-
  # Limited, because a process that a part leaves behind keeps the pipe open.
  timeout 5 tail --pid="$tee" -f /dev/null || true
  # shellcheck disable=SC2086 # two words
  note "$title" "$status" "$began" $before
  [ "$status" -eq 0 ] || failure "$title" "$logs/part"
  return "$status"
}

# begin NAME TITLE COMMAND...: starts the command in the background.
begin() {
  local name=$1
  titles[$name]=$2
  shift 2
  timeout --kill-after 30s "$JOB_LIMIT" "$@" >"$logs/$name" 2>&1 &
  background[$name]=$!
}

# swift_tests NAME TITLE OPTION...: starts a part of the Swift tests in the background. Its tests run one after the
# other: hundreds of tests at once on two cores, some with servers, would test the machine.
swift_tests() {
  local name=$1 title=$2
  shift 2
  begin "$name" "$title" python3 scripts/leftovers.py run "$TESTS/debug/setpointPackageTests.xctest" \
    --testing-library swift-testing --no-parallel "$@"
}

# finished NAME: waits for a background command, prints its output, and notes its result and the waiting time.
finished() {
  local name=$1 title=${titles[$1]} began=$SECONDS status=0 before
  step "$title"
  before=$(busy)
  # Only root may raise a priority; the job's process group is that of its timeout(1).
  renice -n 0 -g "${background[$name]}" >/dev/null 2>&1 || true
  wait "${background[$name]}" || status=$?
  unset "background[$name]"
  cat "$logs/$name"
  # shellcheck disable=SC2086 # two words
  note "waited for: $title" "$status" "$began" $before
  [ "$status" -eq 0 ] || failure "$title" "$logs/$name"
  return "$status"
}

# end: prints the table and the failures, and exits.
end() {
  printf '\nParts:\n'
  printf '  %s\n' "${table[@]}"
  step "total"
  [ "${#failed[@]}" -gt 0 ] || exit 0
  printf '\nFailures:\n'
  sed 's/^/  /' "$logs/failures"
  printf 'failed: %s\n' "${failed[@]}"
  exit 1
}

scripts/install-system.sh
part "tests of the scripts" python3 -m unittest discover --start-directory Tests/scripts || true
begin install "vLLM and the SDK clients" scripts/install-python.sh

part "packages" swift package --scratch-path "$TESTS" resolve || end
begin release "swift build (release)" nice scripts/build-release.sh setpoint explore soak faults fuzz
part "swift build (debug, with tests)" swift build --build-tests "${BUILD[@]}" || end
# In two processes, beside the parts below.
readonly PLANE='ServingPlaneTests|GatewayTests'
swift_tests plane-tests "Swift tests of the serving plane" --filter "$PLANE"
swift_tests other-tests "Swift tests of everything else" --skip "$PLANE"

released=
if finished release; then
  released=yes
  begin explore "exploration of every reachable state" nice .build-release/release/explore
  begin faults "a controller, with every fault at every call" nice .build-release/release/faults
  begin fuzz "generated input for each parser" nice .build-release/release/fuzz --executions 500000
  # One arena: with several, memory grows as more threads use them, and with the number of cores.
  begin soak "a day of a controller, in virtual time" nice env MALLOC_ARENA_MAX=1 .build-release/release/soak
fi

installed=
if finished install; then
  installed=yes
  part "Databricks SDK and MLflow against the test workspace" .tools/clients/bin/python \
    Tests/e2e/workspace_clients.py --workspace "$TESTS"/debug/workspace-double || true
  part "version lookups in a real MLflow server" .tools/clients/bin/python Tests/e2e/mlflow_registry.py \
    --setpoint "$TESTS"/debug/setpoint --workspace "$TESTS"/debug/workspace-double || true
  part "telemetry at an OpenTelemetry receiver" .tools/clients/bin/python Tests/e2e/otlp.py \
    --setpoint "$TESTS"/debug/setpoint || true
  if [ -n "$released" ]; then
    part "manifests of the controller's pod" scripts/check-manifests.sh .build-release/release/setpoint || true
    part "Containerfile" scripts/check-container.sh .build-release/release/setpoint || true
    part "mail about updates, to a real SMTP server" .tools/clients/bin/python Tests/e2e/notifications.py \
      --setpoint .build-release/release/setpoint || true
    part "the README's commands" python3 Tests/e2e/readme.py \
      --setpoint .build-release/release/setpoint || true
  fi
fi

if [ -n "$released" ]; then
  part "traffic through updates, scale to zero, swaps and kills" python3 scripts/traffic.py \
    --setpoint .build-release/release/setpoint || true
  part "5,000 requests, each accounted for in the telemetry" python3 scripts/accounts.py --requests 5000 \
    --setpoint .build-release/release/setpoint || true
  part "planted secrets in no file and no output" python3 scripts/secrecy.py \
    --setpoint .build-release/release/setpoint || true
fi
for job in plane-tests other-tests; do finished "$job" || true; done
if [ -n "$released" ]; then
  for job in explore faults fuzz soak; do finished "$job" || true; done
  # Last, so that its summary is at the end of the output.
  if [ -n "$installed" ]; then
    part "end to end, with real vLLM" python3 scripts/demo.py --assert \
      --setpoint .build-release/release/setpoint || true
  fi
fi
end
