#!/usr/bin/env bash
# Puts the core and every plugin, editable, into a virtual environment; returns at once when nothing changed.
# Usage: scripts/setup.sh [ENVIRONMENT]   (default .venv; PYTHON names the interpreter to build it with)
set -euo pipefail
cd "$(dirname "$0")/.."
environment=${1:-.venv}
stamp=$environment/.nova-setup
export PIP_DISABLE_PIP_VERSION_CHECK=1

shopt -s nullglob
models=(plugins/*/models.txt)
described=(pyproject.toml nova_core/_version.py scripts/setup.sh plugins/*/pyproject.toml "${models[@]}")
wanted="$PWD ${described[*]} $(cat "${described[@]}" | cksum)"

works() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  local name
  for name in ${PYTHON:-} python3.11 python3 python3.13 python3.12 python3.14; do
    if works "$name"; then echo "$name"; return; fi
  done
  echo "setup: no Python 3.11 or later found; install one or name it: make setup PYTHON=/path/to/python3" >&2
  return 1
}

make_environment() {
  local python version
  python=$(find_python)
  "$python" -m venv --clear "$environment" && return
  # Debian ships venv's pip in a package of its own.
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq "python$version-venv"
    "$python" -m venv --clear "$environment"
  else
    echo "setup: cannot make a virtual environment; try: apt-get install python$version-venv" >&2
    return 1
  fi
}

works "$environment/bin/python" || make_environment
[ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && exit 0

projects=(-e ".[dev]")
for project in plugins/*/pyproject.toml; do projects+=(-e "./${project%/pyproject.toml}"); done
echo "setup: installing nova-core and $(((${#projects[@]} - 2) / 2)) plugins into $environment"
pip=("$environment/bin/python" -m pip install -qq)
# One build backend for all of them: a build environment each would take several times as long.
"${pip[@]}" "hatchling>=1.25" "editables>=0.5"
"${pip[@]}" --no-build-isolation "${projects[@]}"
for list in "${models[@]}"; do "${pip[@]}" --no-deps -r "$list"; done
printf '%s\n' "$wanted" >"$stamp"
