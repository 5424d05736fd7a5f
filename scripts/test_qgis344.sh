#!/usr/bin/env bash
# Run the whole suite on QGIS 3.44: a Debian trixie chroot with its backports, in the user's cache (about 3 GB). There
# the checkout is set up by scripts/setup.sh like on any fresh machine. Needs root, and a Debian for the package source.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ "$(id -u)" -eq 0 ] || { echo "The chroot needs root: sudo make test-qgis344" >&2; exit 1; }

box=${XDG_CACHE_HOME:-$HOME/.cache}/pixel-spectra/trixie
inside=/src/pixel-spectra

if [ ! -e "$box/.made" ]; then
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  source=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' | awk -v r="$codename" '$2 == r && !u {u = $1} END {print u}')
  [ -n "$source" ] || { echo "apt names no package source for the suite '$codename' of this machine." >&2; exit 1; }
  command -v debootstrap >/dev/null || apt-get install -y -q --no-install-recommends debootstrap
  rm -rf --one-file-system "$box"
  mkdir -p "$box"
  debootstrap --variant=minbase --include=ca-certificates,git,make trixie "$box" "$source"
  printf 'deb %s trixie-backports main\n' "$source" >"$box/etc/apt/sources.list.d/backports.list"
  touch "$box/.made"
fi

# the checkout as it is, with what is not committed yet; its .venv and .dev there stay from the last run
mkdir -p "$box$inside"
find "$box$inside" -mindepth 1 -maxdepth 1 ! -name .venv ! -name .dev -exec rm -rf {} +
git ls-files -co --exclude-standard -z | while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
  tar --null -T - -c | tar -x -C "$box$inside"
git init -q "$box$inside"
cp -L /etc/resolv.conf "$box/etc/resolv.conf"

# mounts of its own, gone with the process: devices, certificates and pip's settings of this machine, the real files
export box inside
unshare --mount bash -euo pipefail -c '
  show() { if [ -e "$1" ]; then if [ -d "$1" ]; then mkdir -p "$2"; else mkdir -p "$(dirname "$2")"; touch "$2"; fi; mount --rbind "$1" "$2"; fi; }
  mount -t proc proc "$box/proc"
  show /dev "$box/dev"
  show /etc/ssl/certs "$box/etc/ssl/certs"
  show /etc/pip.conf "$box/etc/pip.conf"
  show "$HOME/.config/pip" "$box$HOME/.config/pip"
  show "$(realpath ../shared)" "$box/src/shared"
  make_there() { chroot "$box" env PATH=/usr/sbin:/usr/bin:/sbin:/bin make --no-print-directory -C "$inside" "$1"; }
  make_there setup
  chroot "$box" /usr/bin/python3 -c "from qgis.core import Qgis; print(\"QGIS\", Qgis.QGIS_VERSION)"
  make_there test
'
