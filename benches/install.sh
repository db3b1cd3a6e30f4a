#!/bin/sh
# Installs what the benchmarks compare with and measure against on a Debian machine; starts nothing.
set -eu

say() { echo "install: $*" >&2; }

root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing=""
need() {
    command -v "$1" >/dev/null || [ -e "$1" ] || missing="$missing $2"
}
need /usr/sbin/nginx nginx-light
need prometheus prometheus
need prometheus-blackbox-exporter prometheus-blackbox-exporter
need python3 python3

if [ -z "$missing" ]; then
    say "nothing to do: all packages are there"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    say "no apt-get here: install these or their likes yourself:$missing"
    exit 1
fi

# The scripts start their own servers, so the packages must not start theirs.
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
if command -v systemctl >/dev/null; then
    for package in $missing; do
        case "$package" in
            nginx-light) root systemctl disable -q nginx || say "nginx stays enabled" ;;
            prometheus*) root systemctl disable -q "$package" || say "$package stays enabled" ;;
        esac
    done
fi
say "done; nothing was started"
