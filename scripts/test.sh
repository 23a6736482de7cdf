#!/usr/bin/env bash
# Every test. Two cores are kept busy: real vLLM and the SDK clients are installed while Swift builds, the release binaries
# are built while the Swift tests run, and the exploration and the soak run beside the first real servers, all of them at a
# lower priority. A part that fails does not keep the others from running; a build that fails does.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh

# No part may hang for ever. On two idle cores the whole takes less than this.
readonly PART_LIMIT=45m

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

# busy: hundredths of a second that the machine's cores have worked since it booted, and how many there were.
busy() {
  local fields field sum=0
  read -r -a fields </proc/stat
  for field in "${fields[@]:1:8}"; do sum=$((sum + field)); done
  echo $((sum - fields[4] - fields[5])) "$sum"
}

# note TITLE STATUS BEGAN BUSY SUM: a line of the table: how long it took, and how many cores were busy meanwhile.
note() {
  local title=$1 status=$2 began=$3 busy_before=$4 sum_before=$5 busy_now sum_now tenths verdict=ok
  read -r busy_now sum_now < <(busy)
  tenths=$((10 * $(nproc) * (busy_now - busy_before) / (sum_now - sum_before + 1)))
  [ "$status" -eq 0 ] || verdict="FAILED (exit $status)"
  table+=("$(printf '%-60s %5d s  %2d.%d cores busy  %s' "$title" $((SECONDS - began)) \
    $((tenths / 10)) $((tenths % 10)) "$verdict")")
}

# failure TITLE LOG: keep the lines that say what failed. They are printed last: CI shows the end of a long output.
failure() {
  failed+=("$1")
  { grep -aE '✘|FAIL|rror:|left behind' "$2" || tail -n 5 "$2"; } | tail -n 30 >>"$logs/failures" || true
}

# part TITLE COMMAND...: run it, note whether it passed and how long it took.
part() {
  local title=$1 began=$SECONDS status=0 before
  shift
  step "$title"
  before=$(busy)
  # Not a pipe: a process that a part leaves behind would keep it open.
  timeout --foreground --kill-after 30s "$PART_LIMIT" "$@" > >(tee "$logs/part") 2>&1 || status=$?
  # shellcheck disable=SC2086 # two words
  note "$title" "$status" "$began" $before
  [ "$status" -eq 0 ] || failure "$title" "$logs/part"
  return "$status"
}

# begin NAME TITLE COMMAND...: start it in the background, at a lower priority.
begin() {
  local name=$1
  titles[$name]=$2
  shift 2
  timeout --kill-after 30s "$PART_LIMIT" nice "$@" >"$logs/$name" 2>&1 &
  background[$name]=$!
}

# finished NAME: wait for it, print what it printed, note whether it passed and how long it was waited for.
finished() {
  local name=$1 title=${titles[$1]} began=$SECONDS status=0 before
  step "$title"
  before=$(busy)
  wait "${background[$name]}" || status=$?
  unset "background[$name]"
  cat "$logs/$name"
  # shellcheck disable=SC2086 # two words
  note "waited for: $title" "$status" "$began" $before
  [ "$status" -eq 0 ] || failure "$title" "$logs/$name"
  return "$status"
}

# end: the table, what failed, and the exit status.
end() {
  printf '\nWhat ran:\n'
  printf '  %s\n' "${table[@]}"
  step "all together"
  [ "${#failed[@]}" -gt 0 ] || exit 0
  printf '\nWhat failed:\n'
  sed 's/^/  /' "$logs/failures"
  printf 'failed: %s\n' "${failed[@]}"
  exit 1
}

scripts/install-system.sh
part "the scripts' own tests" python3 -m unittest discover --start-directory Tests/scripts || true
begin install "vLLM and the SDK clients" scripts/install-python.sh

part "swift build (debug, with tests)" swift build --build-tests || end
begin release "swift build (release)" scripts/build-release.sh explore soak faults fuzz setpoint
# One after the other: hundreds of tests at once on two cores, servers and processes among them, measure the machine.
part "swift test" python3 scripts/leftovers.py run swift test --skip-build --disable-xctest --no-parallel || true

released=
if finished release; then
  released=yes
  begin explore "exploration of every reachable state" .build-release/release/explore
  begin faults "a controller, and every fault at every call" .build-release/release/faults
  begin fuzz "random text for each parser" .build-release/release/fuzz --executions 500000
  # One arena: with several, memory grows as threads come to use them, more so the more cores there are.
  begin soak "a day of a controller, in virtual time" env MALLOC_ARENA_MAX=1 .build-release/release/soak
fi

installed=
if finished install; then
  installed=yes
  part "Databricks SDK and MLflow against the test workspace" .tools/clients/bin/python \
    Tests/e2e/workspace_clients.py --workspace .build/debug/workspace-double || true
  part "versions looked up in a real MLflow server" .tools/clients/bin/python Tests/e2e/mlflow_registry.py \
    --setpoint .build/debug/setpoint --workspace .build/debug/workspace-double || true
  if [ -n "$released" ]; then
    part "manifests of the controller's pod" scripts/check-manifests.sh .build-release/release/setpoint || true
    part "Containerfile" scripts/check-container.sh .build-release/release/setpoint || true
    part "the README's commands, as they stand" python3 Tests/e2e/readme.py \
      --setpoint .build-release/release/setpoint || true
  fi
fi

if [ -n "$released" ]; then
  for job in explore faults fuzz; do finished "$job" || true; done
  finished soak || true
  # Last, so that its closing line is the last count that is read.
  if [ -n "$installed" ]; then
    part "end to end, with real vLLM" python3 scripts/demo.py --assert \
      --setpoint .build-release/release/setpoint || true
  fi
fi
end
