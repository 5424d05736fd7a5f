#!/usr/bin/env bash
# Start QGIS with this checkout as a plugin, in a profile of its own under .dev, away from the user's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ ! -e .venv/no-qgis ] || { cat .venv/no-qgis >&2; exit 1; }
[ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || { echo "QGIS needs a display: start it on a desktop, or under xvfb-run." >&2; exit 1; }
profiles=$PWD/.dev/qgis
settings=$profiles/profiles/default/QGIS/QGIS3.ini
if [ ! -e "$settings" ]; then
  mkdir -p "$(dirname "$settings")"
  printf '[PythonPlugins]\npixel_spectra=true\nprocessing=true\n[qgis]\ncheckVersion=false\nshowTips=false\n' >"$settings"
fi
QGIS_PLUGINPATH=$PWD/.dev/plugins
PYTHONPATH=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') # QGIS' own Python sees .venv so
export QGIS_PLUGINPATH PYTHONPATH
exec qgis --nologo --noversioncheck --profiles-path "$profiles" --profile default "$@"
