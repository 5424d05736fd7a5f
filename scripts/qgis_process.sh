#!/usr/bin/env bash
# qgis_process with this checkout as a plugin, in a profile of its own under .dev, away from the user's.
# Usage, from any folder: scripts/qgis_process.sh run pixelspectra:score_spectra - <inputs.json
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ ! -e "$root/.venv/no-qgis" ] || { cat "$root/.venv/no-qgis" >&2; exit 1; }
[ -e "$root/.dev/plugins/pixel_spectra" ] || { echo "Run 'make setup' first." >&2; exit 1; }
export QGIS_PLUGINPATH="$root/.dev/plugins" QGIS_CUSTOM_CONFIG_PATH="$root/.dev/profile"
export XDG_RUNTIME_DIR="$root/.dev/xdg" QT_QPA_PLATFORM=offscreen QGIS_OPTS=
PYTHONPATH=$("$root/.venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))') # QGIS' own Python sees .venv so
export PYTHONPATH
enabled=$QGIS_CUSTOM_CONFIG_PATH/.pixel_spectra_enabled
if [ ! -e "$enabled" ]; then
  mkdir -p "$QGIS_CUSTOM_CONFIG_PATH"
  mkdir -p -m 700 "$XDG_RUNTIME_DIR"
  qgis_process plugins enable pixel_spectra >&2 || true # a failure too where it is on already
  touch "$enabled"
fi
exec qgis_process "$@"
