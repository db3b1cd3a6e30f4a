#!/usr/bin/env bash
# Asks a running daemon everything that its OpenAPI description allows, and much that it does not: schemathesis finds nothing.
#   tests/api.sh             with the program that is built already, or builds it
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-target}"
schemathesis="$target/tmp/schemathesis/bin/schemathesis"
[ -x "$schemathesis" ] || { echo "no $schemathesis: run tests/install.sh" >&2; exit 1; }
cargo build --quiet --locked --bin authprobe

dir=$(mktemp -d)
daemon=""
end() {
    if [ -n "$daemon" ]; then kill "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null || true; fi
    rm -rf "$dir"
}
trap end EXIT
token=a-token-of-the-tests-0123456789
printf '%s' "$token" >"$dir/token"
cat >"$dir/authprobe.yaml" <<'YAML'
listen: 127.0.0.1:0
api_token: { file: token }
targets:
  - name: nowhere
    url: http://127.0.0.1:9
    every: 1s
    probes:
      api_key: { header: X-API-Key, key: { file: token }, request: GET / }
slos:
  - { name: all, probes: ["*/*"], objective: 99, window: 1h }
YAML
"$target/debug/authprobe" run -c "$dir/authprobe.yaml" 2>"$dir/log" &
daemon=$!
url=""
for _ in $(seq 100); do
    url=$(sed -n 's/.*listening on \(http:[^ ]*\).*/\1/p' "$dir/log" | head -n 1)
    # The description is there at once; the first judgement takes a moment.
    [ -n "$url" ] && curl -sf -o "$dir/answer" "$url/api/v1/slos" && break
    sleep 0.1
done
# A window that ends before it begins has the right form and is refused, so that check does not hold here.
"$schemathesis" run "$url/api/v1/openapi.json" --checks all --exclude-checks positive_data_acceptance \
    --header "Authorization: Bearer $token" --max-examples "${API_EXAMPLES:-30}" --rate-limit 40/s --no-color
