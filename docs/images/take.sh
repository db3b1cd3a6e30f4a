#!/usr/bin/env bash
# Takes the pictures of the README anew, of what the demo finds: the page and the report of its first incident.
#   docs/images/take.sh [PROGRAM]      needs chromium, curl and jq
set -euo pipefail
cd "$(dirname "$0")"

program=$(realpath "${1:-${CARGO_TARGET_DIR:-../../target}/debug/authprobe}")
here=$PWD work=$(mktemp -d)
cd "$work"
"$program" demo --serve >shown 2>told &
demo=$!
trap 'kill "$demo" 2>/dev/null; wait "$demo" 2>/dev/null || true; rm -rf "$work"' EXIT
until grep -q '^the demo API goes on' told; do
    kill -0 "$demo"
    sleep 1
done
page=$(sed -n 's/^the page is at //p' told)
incident=$(jq -r '.incidents[0].id' authprobe-demo/incidents.json)
"$program" report incidents -c authprobe-demo/authprobe.yaml --incident "$incident" -o report.html
shot() { # NAME HEIGHT ADDRESS
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/browser" \
        --window-size="1200,$2" --screenshot="$here/$1.png" "$3" 2>/dev/null
}
shot report 1070 "file://$work/report.html"
shot page 1180 "${page%/}/incident?id=$incident"
