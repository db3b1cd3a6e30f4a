#!/bin/sh
# Where the CPU of a question goes: a table of functions, by their share of the samples.
#   benches/store/profile.sh STORE SERIES DAYS QUESTION [OPTION...]
#   benches/store/profile.sh big.db 1000 90 availability --cut
# Needs perf (Debian: linux-perf) and the example `measure` in release: cargo build --release -p storage --example measure
set -eu
[ "$#" -ge 4 ] || { sed -n '2,5p' "$0" >&2; exit 2; }
store=$1 series=$2 days=$3 question=$4
shift 4
measure=${MEASURE:-$(dirname "$0")/../../target/release/examples/measure}
samples=$(mktemp)
trap 'rm -f "$samples" "$samples.old"' EXIT
perf record -q -F 4999 -o "$samples" -- "$measure" ask "$question" "$store" "$@" --runs 20 --series "$series" --days "$days" >&2
perf report -q -i "$samples" --stdio --no-children -s symbol --percent-limit 2 2>/dev/null | sed 's/^ *//; /^$/d'
