# Sourced by the scripts that install Python tools under .tools/ (requires steps.sh, and the repository's root as the
# working directory). Never changes the system's Python.

readonly TOOLS=$PWD/.tools
# The interpreters that the pinned wheels are built for.
readonly OLDEST_PYTHON=3.10 NEWEST_PYTHON=3.13
readonly UV_VERSION=0.13.9

# Prints the first suitable interpreter: only $SETPOINT_PYTHON if it is set, otherwise the usual names.
find_python() {
  local candidate
  for candidate in ${SETPOINT_PYTHON:-python3 python3.13 python3.12 python3.11 python3.10 /usr/bin/python3}; do
    if "$candidate" - "$OLDEST_PYTHON" "$NEWEST_PYTHON" <<'PYTHON' 2>/dev/null; then
import ensurepip, sys, venv
oldest, newest = (tuple(map(int, text.split("."))) for text in sys.argv[1:])
sys.exit(0 if oldest <= sys.version_info[:2] <= newest else 1)
PYTHON
      command -v "$candidate"
      return
    fi
  done
  local asked=${SETPOINT_PYTHON:-python3} found
  found=$("$asked" --version 2>&1 || true)
  fail "no Python from $OLDEST_PYTHON to $NEWEST_PYTHON with the venv module found; $asked: $found" \
    "On Debian and Ubuntu: apt-get install python3 python3-venv" \
    "Or specify one: SETPOINT_PYTHON=/path/to/python3.11 make demo"
}

# Prints pip's setting of that name (from the environment, then pip's configuration files), so that mirrors and local
# wheels configured for pip also apply to uv, which does not read pip's files.
pip_setting() {
  local variable=PIP_${1^^}
  variable=${variable//-/_}
  if [ -n "${!variable:-}" ]; then
    printf '%s' "${!variable}"
  else
    "$PYTHON" -m pip config get "global.$1" 2>/dev/null | tr '\n' ' ' | sed 's/ *$//' || true
  fi
}

# Sets PYTHON and UV, and installs uv into .tools/uv if it is missing. Waits for other runs that are installing.
prepare_uv() {
  PYTHON=$(find_python)
  UV=$TOOLS/uv/bin/uv
  mkdir -p "$TOOLS"
  exec 9>"$TOOLS/install.lock"
  flock 9
  if [ "$("$UV" --version 2>/dev/null | cut -d' ' -f2)" != "$UV_VERSION" ]; then
    step "installing uv $UV_VERSION into .tools/uv"
    "$PYTHON" -m venv --clear "$TOOLS/uv"
    "$TOOLS/uv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
  fi
  export UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-120}
  export UV_NO_PROGRESS=1 UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1}
  local index
  index=$(pip_setting index-url)
  [ -z "$index" ] || export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
}

# make_venv DIR: creates a virtual environment. A working one is kept, so that an interrupted installation can resume.
make_venv() {
  "$1/bin/python" -c '' 2>/dev/null || "$UV" venv --quiet --clear --python "$PYTHON" "$1"
}

# installed DIR STAMP: succeeds if DIR contains a complete installation of exactly that.
installed() {
  [ "$(cat "$1/.installed" 2>/dev/null)" = "$2" ] && "$1/bin/python" -c '' 2>/dev/null
}
