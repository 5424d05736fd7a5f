#!/usr/bin/env bash
# Take the guide's pictures: the real QGIS walks through the demo granule, and finds it in an archive on loopback; each
# once in the light and once in the dark theme.
# It fails where a step does not happen. Usage: scripts/pictures.sh [folder]; the default folder is docs/pictures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ ! -e .venv/no-qgis ] || { cat .venv/no-qgis >&2; exit 1; }
folder=$(realpath -m "${1:-docs/pictures}")
granule=$PWD/.dev/demo/EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc
vetting=$PWD/.dev/demo/vetting/seed_7
[ -e "$granule" ] && [ -e "$vetting/patches.geojson" ] || PYTHONPATH=scripts:tests:.dev/plugins .venv/bin/python -c \
  'import pathlib, demo.places, demo.scene
demo.scene.Demo().write(pathlib.Path(".dev/demo"))
demo.places.Places().write(pathlib.Path(".dev/demo/vetting/seed_7"))'
find_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
if ! find_browser >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing chromium, for the picture of the report ..." >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null || true
fi
browser=$(find_browser) || { echo "The picture of the report needs a browser: install chromium." >&2; exit 1; }
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
export GRANULE=$granule VETTING=$vetting REPORT=$box/report.html PICTURES=$box/pictures ARCHIVE=$box/archive
export QGIS_PLUGINPATH=$PWD/.dev/plugins XDG_RUNTIME_DIR=$box/run
PYTHONPATH=$PWD/scripts:$PWD/tests:$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
export PYTHONPATH PYTHONDONTWRITEBYTECODE=1
mkdir -p "$PICTURES" "$folder"
mkdir -m 700 "$XDG_RUNTIME_DIR"
.venv/bin/python -m pictures.offered "$(dirname "$granule")" "$vetting" "$ARCHIVE"

walk() { # walk, name of the pictures, QGIS theme
  local profile=$box/$1_$2
  local settings=$profile/profiles/default/QGIS/QGIS3.ini
  mkdir -p "$(dirname "$settings")"
  printf '[PythonPlugins]\npixel_spectra=true\nprocessing=true\n[qgis]\ncheckVersion=false\nshowTips=false\n' >"$settings"
  printf '[UI]\nUITheme=%s\n' "$3" >>"$settings"
  local status=0
  WALK=$1 THEME=$2 DOWNLOADS=$profile/granules timeout 300 xvfb-run -a -s "-screen 0 1400x940x24 -dpi 96" qgis --nologo --noversioncheck \
    --profiles-path "$profile" --profile default --code scripts/pictures/start.py >"$profile.log" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then
    cat "$profile.log" >&2
    echo "The walk '$1' in the $2 theme did not come to its end (exit status $status)." >&2
    return 1
  fi
}

for each in tour archive; do
  walk "$each" light default
  walk "$each" dark "Night Mapping"
done
"$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$box/browser" \
  --window-size=1100,1250 --screenshot="$PICTURES/report.png" "file://$REPORT" >"$box/browser.log" 2>&1 ||
  { cat "$box/browser.log" >&2; exit 1; }
.venv/bin/python scripts/pictures/shrink.py "$PICTURES"/*.png
mv "$PICTURES"/*.png "$folder"
du -ch "$folder"/*.png | tail -1
