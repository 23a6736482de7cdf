#!/usr/bin/env bash
# Installs what `make bench-gateway` compares the plane with (scripts/bench-peers.txt), nginx and wrk into
# .tools/bench-peers. Does nothing when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh
source scripts/python-tools.sh

readonly VENV=$TOOLS/bench-peers
readonly UNPACKED=$VENV/debian

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# unpack PACKAGE...: Debian's packages are unpacked, not installed, because installing nginx starts a server on port 80.
unpack() {
  command -v apt-get >/dev/null ||
    fail "nginx or wrk is not installed, and this is not Debian or Ubuntu" "Install nginx and wrk, and run this again."
  step "unpacking $* into .tools/bench-peers"
  mkdir -p "$UNPACKED"
  # Package lists may be missing or stale.
  (cd "$UNPACKED" && apt-get -o Acquire::Retries=3 download -qq "$@") ||
    { as_root apt-get -o DPkg::Lock::Timeout=300 update -qq &&
      (cd "$UNPACKED" && apt-get -o Acquire::Retries=3 download -qq "$@"); } ||
    fail "apt-get could not download: $*" "See its output above."
  local package
  for package in "$UNPACKED"/*.deb; do dpkg-deb --extract "$package" "$UNPACKED"; done
  rm -f "$UNPACKED"/*.deb
}

# provide PROGRAM PACKAGE...: puts PROGRAM into the environment: the system's, otherwise that of Debian's packages.
provide() {
  local program=$1 found library
  shift
  if ! found=$(PATH=$PATH:/usr/sbin command -v "$program"); then
    unpack "$@"
    found=$(find "$UNPACKED" -path "*bin/$program" -type f -print -quit)
    [ -n "$found" ] || fail "no $program in the packages $*" "Install it with apt-get, and run this again."
    library=$(find "$UNPACKED" -name 'lib*.so*' -printf '%h' -quit)
  fi
  printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "${library:-}" "$found" >"$VENV/bin/$program"
  chmod 755 "$VENV/bin/$program"
}

prepare_uv
stamp=$(cat scripts/bench-peers.txt)
if ! installed "$VENV" "$stamp"; then
  step "installing Envoy, LiteLLM and vllm-router into .tools/bench-peers"
  make_venv "$VENV"
  rm -f "$VENV/.installed"
  "$UV" pip install --quiet --python "$VENV/bin/python" --requirement scripts/bench-peers.txt
  provide nginx nginx
  provide wrk wrk libluajit-5.1-2
  echo "$stamp" >"$VENV/.installed"
fi
step "the gateways to compare with are in .tools/bench-peers"
