#!/usr/bin/env bash
# Prepare a real STAC API for the service tests: PostgreSQL with PostGIS from the machine's own package sources, and
# stac-fastapi-pgstac in .dev/stac. May be repeated. Where it cannot be had, .dev/stac/missing says why, and the tests
# that need it are skipped; with CI=true that is an error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly BOX=.dev/stac
readonly PYTHON_PACKAGES=("stac-fastapi-pgstac[server]==7.2.*" "pypgstac[psycopg]==0.10.*" "uvicorn<1")

say() { printf 'setup-services: %s\n' "$*" >&2; }

give_up() {
  rm -f "$BOX/ready"
  printf '%s\n' "$*" >"$BOX/missing"
  say "no STAC API: $*"
  [ "${CI:-}" != true ] || exit 1
  exit 0
}

# The folder with the programs of the newest PostgreSQL that has PostGIS; empty where there is none.
postgres() {
  local bin
  for bin in $(printf '%s\n' /usr/lib/postgresql/*/bin "$(pg_config --bindir 2>/dev/null || true)" | sort -Vr); do
    [ -x "$bin/initdb" ] || continue
    [ -e "$("$bin/pg_config" --sharedir 2>/dev/null || echo "/usr/share/postgresql/$(basename "$(dirname "$bin")")")/extension/postgis.control" ] || continue
    # the scripts of PostGIS may be there without its library
    [ -e "$("$bin/pg_config" --pkglibdir 2>/dev/null || echo "$(dirname "$bin")/lib")/postgis-3.so" ] || continue
    printf '%s\n' "$bin"
    return
  done
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }

install_postgres() {
  local package
  command -v apt-get >/dev/null || give_up "PostgreSQL with PostGIS is not there, and there is no apt to install it."
  as_root true 2>/dev/null || give_up "PostgreSQL with PostGIS is not there; it is installed by root: sudo apt-get install postgresql-postgis"
  as_root apt-get -q update >&2 || say "the package lists cannot be refreshed; going on with those at hand"
  package=$(apt-cache search --names-only '^postgresql-[0-9]+-postgis-3$' | awk '{print $1}' | sort -V | tail -1)
  [ -n "$package" ] || give_up "the package sources of this machine offer no PostGIS."
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then # no database of the system is wanted
    as_root mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold \
    install --no-install-recommends "$package" >&2 || give_up "$package could not be installed."
}

mkdir -p "$BOX"
[ -n "$(postgres)" ] || install_postgres
bin=$(postgres)
[ -n "$bin" ] || give_up "PostgreSQL with PostGIS is not there."
if [ "$(id -u)" -eq 0 ] && ! id postgres >/dev/null 2>&1; then give_up "there is no user postgres, and PostgreSQL does not run as root."; fi
if [ ! -e "$BOX/ready" ] || [ scripts/setup_services.sh -nt "$BOX/ready" ]; then
  base=$(.venv/bin/python -c 'import sys; print(sys._base_executable)')
  rm -rf "$BOX/venv"
  "$base" -m venv "$BOX/venv"
  "$BOX/venv/bin/python" -m pip install -q --disable-pip-version-check "${PYTHON_PACKAGES[@]}" >&2 ||
    give_up "the packages of the STAC API cannot be installed into $BOX/venv."
fi
rm -f "$BOX/missing"
printf '%s\n' "$bin" >"$BOX/ready"
