#!/bin/sh
# Installs what the tests need on a Debian machine: real servers, a browser and a C compiler.
#   tests/install.sh             what the tests need
#   tests/install.sh benches     what the benchmarks compare with, too
# Run it as often as you like, as root or as somebody who may use sudo.
set -eu

say() { echo "install: $*" >&2; }

root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "root is needed for: $*"
        exit 1
    fi
}

missing=""
# Adds packages ($2 and more) unless the command or file $1 that they bring is there.
need() {
    command -v "$1" >/dev/null || [ -e "$1" ] || { shift; missing="$missing $*"; }
}
# Of the database helpers that satisfy glewlwyd, the one for SQLite drags in the least.
need glewlwyd glewlwyd dbconfig-sqlite3
need etcd etcd-server
need /etc/ssl/certs/ca-certificates.crt ca-certificates
need cc gcc
need /usr/include/stdio.h libc6-dev
need /usr/lib/postgresql postgresql
# What the snippets for pipelines call.
need curl curl
# Its promtool judges the metrics.
need promtool prometheus
# A browser, and what steers it: the tests of the pages.
need chromium chromium
need chromedriver chromium-driver
# Gets the alerts.
need prometheus-alertmanager prometheus-alertmanager
# A clock that a test can set.
need faketime faketime
# Runs the OpenID provider of the tests, which comes from npm; npm is in a package of its own on Debian.
need node nodejs
need npm npm
# Judges the manual pages.
need mandoc mandoc
# Reads JSON in the tutorial.
need jq jq
# Helps the scripts to read JSON.
need python3 python3
# What asks the API comes from PyPI.
need /usr/share/doc/python3-venv python3-venv
# The check of objectives counts days of other time zones.
need /usr/share/zoneinfo/Europe/Paris tzdata
need /usr/lib/python3/dist-packages/yaml/__init__.py python3-yaml
if [ "${1:-}" = benches ]; then
    need /usr/sbin/nginx nginx-light
    need prometheus-blackbox-exporter prometheus-blackbox-exporter
    need victoria-metrics victoria-metrics
    need influxd influxdb
fi

# Installs the packages of npm that a directory of the tests ($1) locks, each by its checksum, where the tests look for them.
packages() {
    source=$(dirname "$0")/$1
    packages=${CARGO_TARGET_DIR:-$(dirname "$0")/../target}/tmp/$1
    if cmp -s "$source/package-lock.json" "$packages/installed.json"; then return; fi
    mkdir -p "$packages"
    cp "$source/package.json" "$source/package-lock.json" "$packages"
    say "installing $2"
    (cd "$packages" && npm ci --silent --ignore-scripts --no-audit --no-fund)
    cp "$source/package-lock.json" "$packages/installed.json"
}

# Installs what asks the API everything that its description allows.
schemathesis() {
    version=4.32.5
    place=${CARGO_TARGET_DIR:-$(dirname "$0")/../target}/tmp/schemathesis
    if [ -x "$place/bin/schemathesis" ] && grep -qx "$version" "$place/installed"; then return; fi
    say "installing schemathesis"
    python3 -m venv "$place"
    "$place/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
    echo "$version" >"$place/installed"
}

all_packages() {
    schemathesis
    packages issuer "the OpenID provider of the tests"
    packages browser "what judges whether everybody can use the pages"
}

if [ -z "$missing" ]; then
    all_packages
    say "nothing more to do: all packages are there"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    say "no apt-get here: install these or their likes yourself:$missing"
    exit 1
fi

# The tests start servers of their own, so the packages must not start theirs.
# 101 is the answer "not allowed" in Debian's policy for service scripts.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'root rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | root tee "$policy" >/dev/null
    root chmod 755 "$policy"
fi

say "installing:$missing"
root apt-get update -q
# shellcheck disable=SC2086 # one word a package
root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -q -y --no-install-recommends $missing

# Nor at the next boot. Only what was installed just now is touched.
if command -v systemctl >/dev/null; then
    for package in $missing; do
        case "$package" in
            glewlwyd | influxdb | postgresql | prometheus | prometheus-alertmanager | prometheus-blackbox-exporter | victoria-metrics) unit=$package ;;
            etcd-server) unit=etcd ;;
            nginx-light) unit=nginx ;;
            *) continue ;;
        esac
        root systemctl disable -q "$unit" || say "$unit stays enabled"
    done
fi
all_packages
say "done; the servers are installed, none was started"
