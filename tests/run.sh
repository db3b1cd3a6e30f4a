#!/usr/bin/env bash
# Installs what the tests need, then builds and runs all tests of the workspace.
# Arguments go to the runner: tests/run.sh glewlwyd
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v cargo >/dev/null; then
    echo "run: no cargo here: install Rust 1.95 or newer from https://rustup.rs" >&2
    exit 1
fi
tests/install.sh

mkdir -p target
log=target/tests.log
status=0
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --no-fail-fast "$@" 2>&1 | tee "$log" || status=$?
    # nextest leaves out the examples in doc comments.
    if [ "$#" -eq 0 ]; then
        cargo test --workspace --no-fail-fast --doc 2>&1 | tee -a "$log" || status=$?
    fi
else
    cargo test --workspace --no-fail-fast "$@" 2>&1 | tee "$log" || status=$?
fi

echo
echo "run: ended with $status; the runners' closing lines:"
grep -E '^ +Summary |^test result:|^error' "$log" || echo "run: none: see $log"
exit "$status"
