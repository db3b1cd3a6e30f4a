#!/usr/bin/env bash
# Measures clean builds in a target directory of their own: wall and CPU seconds, sizes, crates, the heaviest units.
# Arguments: the profiles to build; by default dev, release and dist.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "$(date +%H:%M:%S) $*" >&2; }

target=$(mktemp -d "${TMPDIR:-/tmp}/authprobe-build-XXXXXX")
trap 'rm -rf "$target"' EXIT
export CARGO_TARGET_DIR=$target CARGO_TERM_COLOR=never TIMEFORMAT='%R %U %S'
[ "$#" -gt 0 ] || set -- dev release dist
cargo fetch --locked --target "$(rustc -vV | sed -n 's/^host: //p')" >&2

echo "$(rustc --version), $(nproc) cores, $(date -u +%F)"
echo
echo "| build | wall s | CPU s | load before | binary MB | stripped MB |"
echo "|--|--|--|--|--|--|"
for profile in "$@"; do
    say "building $profile"
    load=$(cut -d ' ' -f 1 /proc/loadavg)
    log=$target/$profile.log
    if ! { time cargo build --locked --timings --profile "$profile" >"$log" 2>&1; } 2>"$target/time"; then
        tail -n 40 "$log" >&2
        exit 1
    fi
    read -r wall user system < <(tail -n 1 "$target/time")
    folder=$profile
    [ "$profile" = dev ] && folder=debug
    binary=$target/$folder/authprobe
    strip -o "$target/stripped" "$binary"
    awk -v profile="$profile" -v wall="$wall" -v user="$user" -v kernel="$system" -v load="$load" \
        -v whole="$(stat -c %s "$binary")" -v stripped="$(stat -c %s "$target/stripped")" \
        'BEGIN { printf "| %s | %.0f | %.0f | %s | %.1f | %.1f |\n", profile, wall, user + kernel, load, whole / 1e6, stripped / 1e6 }'
    cp "$(readlink -f "$target/cargo-timings/cargo-timing.html")" "$target/$profile.html"
done

echo
crates() { cargo tree --locked --prefix none --no-dedupe -f '{p}' "$@" | sed 's/ (.*//' | sort -u | grep -c .; }
echo "crates in the program: $(crates -e normal); with what builds it: $(crates -e normal,build);" \
    "with what tests it: $(crates --workspace -e normal,build,dev)"
echo "more than one version of: $(cargo tree --locked -e normal -d --depth 0 --prefix none -f '{p}' | awk 'NF { print $1 }' | sort -u | paste -sd ' ')"

# The durations are of two units at once, so they are longer than CPU seconds when the cores are shared.
for profile in "$@"; do
    echo
    echo "Heaviest units of $profile, seconds:"
    python3 - "$target/$profile.html" <<'PYTHON'
import json, re, sys
units = json.loads(re.search(r"const UNIT_DATA = (\[.*?\]);", open(sys.argv[1]).read(), re.S)[1])
for unit in sorted(units, key=lambda unit: -unit["duration"])[:12]:
    print(f'  {unit["duration"]:6.1f}  {unit["name"]} {unit["version"]}{unit["target"]}')
PYTHON
done
