#!/usr/bin/env bash
# Installs the SDKs that the end-to-end test drives (scripts/clients.txt) into .tools/clients. Does nothing when they
# are there.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh
source scripts/python-tools.sh

readonly VENV=$TOOLS/clients

prepare_uv
stamp=$(cat scripts/clients.txt)
if ! installed "$VENV" "$stamp"; then
  step "installing the SDK clients into .tools/clients"
  make_venv "$VENV"
  rm -f "$VENV/.installed"
  "$UV" pip install --quiet --python "$VENV/bin/python" --requirement scripts/clients.txt
  echo "$stamp" >"$VENV/.installed"
fi
step "the SDK clients are in .tools/clients"
