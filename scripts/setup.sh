#!/usr/bin/env bash
# Prepare this checkout: QGIS and OpenBLAS from the machine's own package sources, and an interpreter in .venv.
# May be repeated; the system is touched only where something is missing. Where no QGIS can be had, .venv serves
# the core alone and .venv/no-qgis says why.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly MINIMUM=3.34 SYSTEM_PYTHON=/usr/bin/python3
readonly PACKAGES=(qgis python3-qgis qgis-providers python3-gdal python3-numpy python3-scipy python3-venv
  libopenblas0-pthread xvfb xauth fonts-dejavu-core fonts-open-sans)
readonly NO_QGIS="QGIS $MINIMUM or newer cannot be had from this machine's package sources, so only the numpy core is \
set up: 'make test-core' runs; install QGIS, then 'make clean test' runs everything."

say() { printf 'setup: %s\n' "$*" >&2; }

qgis_wanted() { [ "${PIXEL_SPECTRA_SETUP_NO_QGIS:-0}" != 1 ]; } # 1 tries out a machine without QGIS

has_qgis() {
  qgis_wanted && "$SYSTEM_PYTHON" -c \
    "import sys; from qgis.core import Qgis; v, m = Qgis.QGIS_VERSION_INT, '$MINIMUM'.split('.'); \
sys.exit(v < int(m[0]) * 10000 + int(m[1]) * 100)" >/dev/null 2>&1
}

missing_packages() {
  local name
  command -v dpkg-query >/dev/null || return 0
  for name in "${PACKAGES[@]}"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || printf '%s\n' "$name"
  done
}

may_install() {
  command -v apt-get >/dev/null || return 1
  [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; }
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"; }

# The version of QGIS that apt would take, given options such as "-t suite"; empty where it knows none.
offered() { { apt-cache "$@" policy python3-qgis 2>/dev/null || true; } | awk '/Candidate:/ && $2 != "(none)" {print $2}'; }

is_recent() { [ -n "$1" ] && dpkg --compare-versions "$1" ge "$MINIMUM"; }

# Put Debian's backports suite beside the suite in use, from the same source; take it away again if it is not there.
add_backports() {
  local suite=$1 uri list=/etc/apt/sources.list.d/pixel-spectra-backports.list
  uri=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' | awk -v r="${suite%-backports}" '$2 == r && !u {u = $1} END {print u}')
  [ -n "$uri" ] || return 0
  say "adding the suite $suite ($list)"
  printf 'deb %s %s main\n' "$uri" "$suite" | as_root tee "$list" >/dev/null
  apt_get update && is_recent "$(offered -t "$suite")" && return
  as_root rm -f "$list"
  apt_get update || true
}

install_packages() {
  local suite target=()
  suite=$(. /etc/os-release && [ "${ID:-}" = debian ] && printf '%s-backports' "${VERSION_CODENAME:-}") || suite=none
  apt_get update || say "the package lists cannot be refreshed; going on with those at hand"
  is_recent "$(offered)" || is_recent "$(offered -t "$suite")" || [ "$suite" = none ] || add_backports "$suite"
  is_recent "$(offered -t "$suite")" && target=(-t "$suite")
  is_recent "$(offered "${target[@]}")" || { say "the newest QGIS on offer is $(offered)"; return 1; }
  apt_get install --no-install-recommends "${target[@]}" "$@"
}

prepare_system() {
  local missing
  mapfile -t missing < <(missing_packages)
  has_qgis && [ "${#missing[@]}" -eq 0 ] && return
  if ! may_install; then
    say "cannot install packages here (no apt, or neither root nor sudo); missing: ${missing[*]:-QGIS $MINIMUM}"
  elif qgis_wanted; then
    install_packages "${PACKAGES[@]}" || say "the packages could not be installed"
  fi
}

# The interpreter of a core-only environment: any Python that can make a virtual environment.
core_python() {
  local check='import ensurepip, sys; sys.exit(sys.version_info < (3, 9))'
  if ! python3 -c "$check" 2>/dev/null && may_install; then apt_get install --no-install-recommends python3-venv >&2 || true; fi
  python3 -c "$check" 2>/dev/null || { say "no Python 3.9 or newer with its venv module here; install one and repeat"; return 1; }
  command -v python3
}

# make_environment PYTHON true|false: whether the environment also sees the packages of that Python.
make_environment() {
  local python=$1 system=$2 flags=()
  [ "$system" = false ] || flags=(--system-site-packages)
  if ! grep -qsx "include-system-site-packages = $system" .venv/pyvenv.cfg ||
    [ "$(.venv/bin/python -V 2>/dev/null)" != "$("$python" -V)" ]; then
    rm -rf .venv
    "$python" -m venv "${flags[@]}" .venv
  fi
}

# numpy and scipy stay those that QGIS' Python, GDAL and scipy were built against: newer ones break them silently.
pin_numerics() {
  "$SYSTEM_PYTHON" -c "import importlib.metadata as m
for d in m.distributions():
    if d.metadata['Name'] in ('numpy', 'scipy'): print(d.metadata['Name'] + '==' + d.version)"
}

install_requirements() {
  say "installing the Python packages"
  .venv/bin/python -m pip install -q --disable-pip-version-check -c .venv/constraints.txt "$@"
  # a pyproj of the system does not find its data inside a virtual environment; a wheel brings them
  .venv/bin/python -W error -c 'import pyproj' 2>/dev/null ||
    .venv/bin/python -m pip install -q --disable-pip-version-check --ignore-installed --no-deps pyproj
  # relative, so that the checkout may move; the folder holds the link that make creates
  echo "../../../../.dev/plugins" >"$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/pixel_spectra.pth"
}

report() {
  .venv/bin/python - <<'PYTHON' >&2
import pathlib, platform, numpy, scipy
maps = pathlib.Path("/proc/self/maps")
known = maps.exists() and "openblas" not in maps.read_text()
blas = "a BLAS that is not OpenBLAS: matrix products will be slow" if known else "OpenBLAS"
print(f"setup: Python {platform.python_version()}, numpy {numpy.__version__} with {blas}, scipy {scipy.__version__}")
PYTHON
}

prepare_system
if has_qgis; then
  make_environment "$SYSTEM_PYTHON" true
  rm -f .venv/no-qgis
  pin_numerics >.venv/constraints.txt
  install_requirements -r requirements-dev.txt -r requirements.txt
else
  python=$(core_python)
  make_environment "$python" false
  printf '%s\n' "$NO_QGIS" | tee .venv/no-qgis >&2
  : >.venv/constraints.txt
  grep -v '^pytest-qgis' requirements-dev.txt >.venv/requirements-core.txt
  install_requirements -r .venv/requirements-core.txt -r requirements.txt
fi
report
touch .venv/.ready
