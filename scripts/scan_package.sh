#!/usr/bin/env bash
# scan_package.sh ZIP: fail on any finding of Bandit (its default rules, then those of the plugin site) or of
# detect-secrets. Comments that silence Bandit do not count here.
set -euo pipefail
zip=$(realpath "$1")
python=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.venv/bin/python
# the rules that the plugin site enables, less B111 and B320, which Bandit no longer has
readonly SITE_RULES=B101,B102,B103,B104,B105,B106,B107,B108,B110,B112,B113,B201,B202,B301,B302,B303,B304,B305,B306,\
B307,B308,B310,B311,B312,B313,B314,B315,B316,B317,B318,B319,B321,B323,B324,B401,B402,B403,B405,B406,B407,B408,B409,\
B412,B413,B501,B502,B503,B504,B505,B506,B507,B508,B509,B601,B602,B603,B604,B605,B606,B607,B608,B609,B610,B611,B612,\
B613,B614,B615,B701,B702,B703,B704

box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
"$python" -m zipfile -e "$zip" "$box"
cd "$box"
"$python" -m bandit -q --ignore-nosec -r pixel_spectra
"$python" -m bandit -q --ignore-nosec -r pixel_spectra -t "$SITE_RULES"
"$python" -m detect_secrets scan --all-files --no-verify pixel_spectra >found.json # always ends well: look inside
"$python" - <<'PYTHON'
import json, sys
found = json.load(open("found.json"))["results"]
rows = [f"{path}:{row['line_number']}: {row['type']}" for path, all_rows in found.items() for row in all_rows]
sys.exit("detect-secrets found:\n" + "\n".join(rows) if rows else 0)
PYTHON
echo "scan: no finding of bandit nor of detect-secrets in $(basename "$zip")"
