#!/usr/bin/env bash
# Installs the Debian packages that the build, the tests and the demo need, those that are missing only, and looks for
# the Swift toolchain. A no-op, in a fraction of a second, where everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh

readonly OLDEST_SWIFT=6.2
readonly PACKAGES=(
  libyaml-dev libcurl4-openssl-dev libssl-dev libsqlite3-dev pkg-config # what the wrapper targets link
  gcc g++ libc6-dev binutils                                            # the linker's C side; vLLM's runtime compiler
  git curl ca-certificates                                              # Swift's package manager; git sources; bench
  openssh-client tzdata                                                 # git over ssh; change windows
  openssl procps util-linux                                             # test certificates; ps; flock and setsid
  python3 python3-venv libnuma1                                         # vLLM, the SDK clients, scripts/*.py
)

missing_packages() {
  local installed
  installed=$(dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' "${PACKAGES[@]}" 2>/dev/null |
    sed -n 's/^installed //p' || true)
  printf '%s\n' "${PACKAGES[@]}" | grep -vxF "$installed" || true
}

install_packages() {
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      fail "these packages are missing, and installing them needs root: $*" "Run as root: apt-get install $*"
    as_root=(sudo)
  fi
  step "installing $*"
  # Another apt may be at work, and the network may be slow.
  local patient=(-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
  # Package lists may be missing (a fresh image) or stale; a failure to refresh is fatal only if the install fails too.
  "${as_root[@]}" apt-get "${patient[@]}" update -qq ||
    step "apt-get update failed (above); trying with the lists that are there"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get "${patient[@]}" install -qq --yes --no-install-recommends "$@" ||
    fail "apt-get could not install: $*" "Its own words stand above."
}

check_swift() {
  local words version
  command -v swift >/dev/null ||
    fail "Swift is not installed" \
      "Install Swift 6.3 from https://www.swift.org/install/linux/ and put its usr/bin on the PATH."
  words=$(swift --version 2>&1) ||
    fail "swift is there and does not run: $words" \
      "What the toolchain needs on each system is listed at https://www.swift.org/install/linux/."
  version=$(sed -n 's/.*Swift version \([0-9.]*\).*/\1/p' <<<"$words")
  [ "$(printf '%s\n' "$OLDEST_SWIFT" "$version" | sort --version-sort | head -1)" = "$OLDEST_SWIFT" ] ||
    fail "Swift $version is too old; Setpoint needs $OLDEST_SWIFT or newer" \
      "Install Swift 6.3 from https://www.swift.org/install/linux/."
}

# kubectl renders manifests/controller. Not in PACKAGES: where it came from elsewhere, the two would collide.
missing_kubectl() {
  command -v kubectl >/dev/null || echo kubernetes-client
}

if ! command -v apt-get >/dev/null; then
  step "this is not Debian or Ubuntu: see that you have what these packages hold: ${PACKAGES[*]}"
else
  mapfile -t missing < <(missing_packages; missing_kubectl)
  if [ "${#missing[@]}" -gt 0 ]; then install_packages "${missing[@]}"; fi
fi
check_swift
