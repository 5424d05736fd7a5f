#!/bin/bash
# Bring a fresh Debian/Ubuntu machine to "tests run". Idempotent. Falls back to core-only without QGIS.
set -euo pipefail
cd "$(dirname "$0")/.."
SYSPY=/usr/bin/python3
have_qgis() { "$SYSPY" -c "import sys; from qgis.core import Qgis; sys.exit(Qgis.QGIS_VERSION_INT < 33400)" >/dev/null 2>&1; }
install_qgis() {
  SUDO=""; [ "$(id -u)" = 0 ] || SUDO="sudo -n"
  . /etc/os-release
  PK="libopenblas0-pthread universal-ctags imagemagick qgis python3-qgis qgis-providers python3-gdal python3-scipy python3-venv xvfb xauth fonts-dejavu-core fonts-open-sans"
  export DEBIAN_FRONTEND=noninteractive
  if [ "${ID:-}" = debian ]; then
    # the machine's own mirror, with the backports suite beside the one it already uses
    MIRROR=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $VERSION_CODENAME" | head -n 1)
    printf 'deb %s %s-backports main\n' "$MIRROR" "$VERSION_CODENAME" |
      $SUDO tee /etc/apt/sources.list.d/pixel-spectra-backports.list >/dev/null
    $SUDO apt-get update -q || { $SUDO rm -f /etc/apt/sources.list.d/pixel-spectra-backports.list; $SUDO apt-get update -q; }
    $SUDO apt-get install -y -q --no-install-recommends -t "$VERSION_CODENAME-backports" $PK ||
      $SUDO apt-get install -y -q --no-install-recommends $PK
  else
    $SUDO apt-get update -q; $SUDO apt-get install -y -q --no-install-recommends $PK
  fi
}
if ! have_qgis; then
  if command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then install_qgis; else echo "WARNING: QGIS missing or older than 3.34 and apt not usable" >&2; fi
fi
if have_qgis; then "$SYSPY" -m venv --system-site-packages .venv; else echo "WARNING: no QGIS; core tests only" >&2; python3 -m venv .venv; fi
# freeze the numerics that Debian's GDAL/scipy were compiled against
.venv/bin/python - > .venv/constraints.txt <<'P'
import importlib.metadata as m
for n in ("numpy", "scipy"):
    try:
        print(f"{n}=={m.version(n)}")
    except m.PackageNotFoundError:
        pass
P
.venv/bin/pip install -q -c .venv/constraints.txt -r requirements-dev.txt
touch .venv/.ok
