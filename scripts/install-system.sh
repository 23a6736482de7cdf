#!/usr/bin/env bash
# Installs missing Debian packages that the build, the tests and the demo require, and checks for the Swift toolchain.
# If nothing is missing, it does nothing and takes a fraction of a second.
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
      fail "missing packages, and installing them requires root: $*" "Run as root: apt-get install $*"
    as_root=(sudo)
  fi
  step "installing $*"
  # Another apt may be running, and the network may be slow.
  local patient=(-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
  # Package lists may be missing (a fresh image) or stale; a failure to refresh is fatal only if the install fails too.
  "${as_root[@]}" apt-get "${patient[@]}" update -qq ||
    step "apt-get update failed (see above); trying with the existing package lists"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get "${patient[@]}" install -qq --yes --no-install-recommends "$@" ||
    fail "apt-get could not install: $*" "See its output above."
}

check_swift() {
  local words version
  command -v swift >/dev/null ||
    fail "Swift is not installed" \
      "Install Swift 6.3 from https://www.swift.org/install/linux/ and put its usr/bin on the PATH."
  words=$(swift --version 2>&1) ||
    fail "swift is installed but does not run: $words" \
      "https://www.swift.org/install/linux/ lists the requirements of the toolchain."
  version=$(sed -n 's/.*Swift version \([0-9.]*\).*/\1/p' <<<"$words")
  [ "$(printf '%s\n' "$OLDEST_SWIFT" "$version" | sort --version-sort | head -1)" = "$OLDEST_SWIFT" ] ||
    fail "Swift $version is too old; Setpoint requires $OLDEST_SWIFT or later" \
      "Install Swift 6.3 from https://www.swift.org/install/linux/."
}

# kubectl renders manifests/controller. Not in PACKAGES, because the package conflicts with a kubectl from elsewhere.
missing_kubectl() {
  command -v kubectl >/dev/null || echo kubernetes-client
}

if ! command -v apt-get >/dev/null; then
  step "this is not Debian or Ubuntu: install the equivalents of these packages: ${PACKAGES[*]}"
else
  mapfile -t missing < <(missing_packages; missing_kubectl)
  if [ "${#missing[@]}" -gt 0 ]; then install_packages "${missing[@]}"; fi
fi
check_swift
