#!/usr/bin/env bash
# Run the tests of the plain-Qt widgets on PyQt6. No QGIS for Qt 6 is at hand, so a stand-in for qgis.PyQt is made.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
shopt -s nullglob
tests=(tests/gui/test_plain_qt*.py)
[ "${#tests[@]}" -gt 0 ] || { echo "There are no plain-Qt widgets yet: no tests/gui/test_plain_qt*.py to run on PyQt6."; exit 0; }
box=.dev/qt6
if [ ! -e "$box/ready" ] || [ scripts/test_qt6.sh -nt "$box/ready" ]; then
  base=$(.venv/bin/python -c 'import sys; print(sys._base_executable)')
  "$base" -m venv --clear "$box"
  "$box/bin/python" -m pip install -q --disable-pip-version-check PyQt6 pyqtgraph pytest hypothesis numpy shapely
  mkdir -p "$box/stand-in/qgis/PyQt"
  for module in QtCore QtGui QtWidgets QtTest QtSvg; do
    echo "from PyQt6.$module import *" >"$box/stand-in/qgis/PyQt/$module.py"
  done
  touch "$box/ready"
fi
export PYTHONPATH=$PWD/$box/stand-in QT_QPA_PLATFORM=offscreen PYQTGRAPH_QT_LIB=PyQt6
"$box/bin/python" -c 'from PyQt6 import QtCore; print("PyQt", QtCore.PYQT_VERSION_STR, "on Qt", QtCore.QT_VERSION_STR)'
# tests/gui/conftest.py needs QGIS; the one above it does not
"$box/bin/python" -X faulthandler -m pytest -q --noconftest -p conftest "${tests[@]}"
