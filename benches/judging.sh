#!/bin/sh
# What judging costs: `report incidents`, `slo` and `timeline` of the real program over 90 days of 1,000 series, five
# runs each, once in every form, and one incident with 1,000 changes before it, in the process.
#   benches/judging.sh [STORE [SERIES [DAYS]]]
#   benches/judging.sh /tmp/judging.db                 # 25 min and 2.3 GB for the store, if it is not there yet
#   benches/judging.sh /tmp/small.db 100 30            # half a minute and 80 MB
# Needs GNU time, and in release: cargo build --release && cargo build --release -p storage -p reports --examples
set -eu
store=${1:-judging.db} series=${2:-1000} days=${3:-90}
release=${RELEASE:-$(dirname "$0")/../target/release}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A flake among a thousand requests, an incident every other day, 400 changes a day, three pauses of the prober.
if [ ! -e "$store" ]; then
    begun=$(date +%s)
    "$release/examples/measure" fill "$store" --series "$series" --days "$days" --incidents $((days / 2 + 5)) \
        --flakes 1000 --changes 400 --batch 5000 --inline
    echo "filled in $(($(date +%s) - begun)) s"
fi

cat > "$work/judging.yaml" <<YAML
store: $store
targets:
  - name: target-000
    url: http://127.0.0.1:9
    every: 30s
    probes: { login: { path: /login, username: { env: USER }, password: { env: USER } } }
slos:
  - { name: logins, probes: ["*/login"], objective: 99.9, latency: 3s }
  - { name: everything, probes: ["*/*"], objective: 99.5 }
  - { name: slices, probes: ["*/*"], objective: 99.5, method: timeslices, slice: 5m, slice_target: 0.98 }
  - { name: first, probes: ["target-000/*"], objective: 99.9 }
YAML
export USER="${USER:-nobody}"

# The data set begins on 2025-09-01.
from=2025-09-01 until=$(date -u -d "2025-09-01 + $days days" +%F)
echo "load $(cut -d' ' -f1-3 /proc/loadavg)"
for kind in incidents slo timeline; do
    for _ in 1 2 3 4 5; do
        # An objective that is missed makes the exit status 1.
        command time -f "$kind: %e s wall, %U + %S s CPU, %M KiB" -o "$work/spent" "$release/authprobe" report "$kind" \
            -c "$work/judging.yaml" --from "$from" --until "$until" -o "$work/report.json" || [ "$?" -eq 1 ]
        tail -n 1 "$work/spent"
    done
done
# What the form costs beside the judging, and how much is written.
for kind in incidents slo timeline; do
    for format in text markdown html csv json; do
        command time -f "$kind as $format: %e s wall, %U + %S s CPU, %M KiB" -o "$work/spent" "$release/authprobe" report \
            "$kind" -c "$work/judging.yaml" --from "$from" --until "$until" --format "$format" -o "$work/report" \
            || [ "$?" -eq 1 ]
        echo "$(tail -n 1 "$work/spent"), $(stat -c %s "$work/report") bytes"
    done
done
"$release/examples/judging" candidates
echo "load $(cut -d' ' -f1-3 /proc/loadavg)"
