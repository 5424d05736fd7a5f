#!/usr/bin/env bash
# The demo: make a granule whose truth is known, run the plugin on it, and say how often it is right.
# Usage: scripts/demo.sh [folder]; the default folder is .dev/demo. See scripts/demo/__main__.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PYTHONPATH="$PWD/scripts:$PWD/tests:$PWD/.dev/plugins" MPLCONFIGDIR="$PWD/.dev/matplotlib" exec .venv/bin/python -m demo "$@"
