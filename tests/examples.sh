#!/usr/bin/env bash
# Runs every example of the repository for real: each configuration is checked, and probes the demo API with it.
# Then checks the reference pages.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet
program=$(realpath "${CARGO_TARGET_DIR:-target}/debug/authprobe")
work=$(mktemp -d)
demo=
finish() {
    [ -z "$demo" ] || kill "$demo" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# The demo API stands in for the API of each example. It prints one line of JSON once it answers.
mkfifo "$work/ready"
"$program" demo --api-only >"$work/ready" &
demo=$!
read -r ready <"$work/ready"
field() { printf '%s' "$ready" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]], end="")' "$1"; }
url=$(field url)
export PROBE_USER PROBE_PASSWORD PROBE_API_KEY
PROBE_USER=$(field username) PROBE_PASSWORD=$(field password) PROBE_API_KEY=$(field api_key)
mkdir -p "$work/secrets"
field signing_secret >"$work/secrets/orchestrator-jwt-secret"

count=0
run() { # FILE: a configuration
    echo "examples: $1"
    sed -E "s#https://[a-z.-]*example\.com#$url#; s#/api/v1/me\b#/api/v1/workflows#" "$1" >"$work/authprobe.yaml"
    "$program" config check -c "$work/authprobe.yaml"
    "$program" check -c "$work/authprobe.yaml"
    count=$((count + 1))
}
for example in deploy/examples/*.yaml; do
    run "$example"
done
(cd "$work" && "$program" init starter.yaml)
run "$work/starter.yaml"

echo "examples: $count passed, 0 failed"
tests/docs.sh "$program"
