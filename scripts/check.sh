#!/usr/bin/env bash
# Checks that need no build: Swift's format and lint rules, and that scripts parse.
set -euo pipefail
cd "$(dirname "$0")/.."

swift format lint --strict --recursive --parallel Package.swift Sources Tests
for script in scripts/*.sh .ci/run; do
  bash -n "$script"
done
python3 - <<'PYTHON'
import ast, pathlib
for path in [*pathlib.Path("scripts").rglob("*.py"), *pathlib.Path("Tests").rglob("*.py")]:
    ast.parse(path.read_text(), str(path))
PYTHON
echo "check: nothing to say"
