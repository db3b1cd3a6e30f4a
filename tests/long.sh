#!/usr/bin/env bash
# The long loops behind the short ones of every test run: a writer that is killed, power cuts, full disks, syncs that fail,
# random histories. Each number can be set: STORE_KILLS=1000 tests/long.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export STORE_KILLS="${STORE_KILLS:-220}" STORE_POWER_CUTS="${STORE_POWER_CUTS:-1200}"
export STORE_FULL_DISKS="${STORE_FULL_DISKS:-400}" STORE_FAILED_SYNCS="${STORE_FAILED_SYNCS:-110}"
export STORE_CASES="${STORE_CASES:-2000}"
cargo test --release -p storage --test store -- crash power full_disk history "$@"
cargo test --release --test integration -- --ignored alerts::feed
echo "long: $STORE_KILLS kills, $STORE_POWER_CUTS power cuts, $STORE_FULL_DISKS full disks, $STORE_FAILED_SYNCS failed syncs, $STORE_CASES histories in $SECONDS s"
