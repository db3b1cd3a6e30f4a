#!/usr/bin/env bash
# Keeps docs/ true: checks every configuration in it, and that no command, option, key or word is left out.
set -euo pipefail
cd "$(dirname "$0")/.."

program="${1:-${CARGO_TARGET_DIR:-target}/debug/authprobe}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() { echo "docs: $*" >&2; failed=$((failed + 1)); }

# Debian's python3-yaml belongs to Debian's python3, which need not be the first on the PATH.
for python in python3 /usr/bin/python3 none; do
    if "$python" -c 'import yaml' 2>/dev/null; then break; fi
done
[ "$python" != none ] || { echo "docs: python3-yaml is not here: run tests/install.sh" >&2 && exit 1; }
pages=(README.md docs/*.md deploy/helm/authprobe/README.md)
"$program" config schema >"$work/schema.json"
"$python" tests/docs.py "$work/schema.json" "$work" "${pages[@]}" || fail "blocks of YAML"

# Something to read for every reference.
for name in $(grep -oh '{env: [A-Z_]*}' "$work"/*.yaml | grep -o '[A-Z_]*}' | tr -d '}' | sort -u); do
    export "$name=only-for-this-test"
done
for file in $(grep -oh '{file: [a-z./-]*}' "$work"/*.yaml | sed 's/.*: \(.*\)}/\1/' | sort -u); do
    mkdir -p "$work/$(dirname "$file")"
    echo only-for-this-test >"$work/$file"
done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=docs -days 1 \
    -keyout "$work/client.key" -out "$work/client.pem" 2>/dev/null
cp "$work/client.pem" "$work/ca.pem"

count=0
for file in "$work"/*.yaml; do
    if ! "$program" config check -c "$file" >"$work/told" 2>&1; then
        fail "the block at $(sed -n '1s/^# //p' "$file"):"
        sed "s#$work/##" "$work/told" >&2
    fi
    count=$((count + 1))
done
[ "$count" -gt 0 ] || fail "there are no examples"
python3 tests/links.py "${pages[@]}" CHANGELOG.md || fail "dead links"
for page in docs/*.md; do
    page=${page#docs/}
    [ "$page" = SUMMARY.md ] || grep -qF "($page)" docs/SUMMARY.md || fail "docs/SUMMARY.md does not list $page"
done

named() { # FILE WORD: the word stands in the file as code
    grep -qE -- "\`([^\`]*[^\`a-z_-])?$2([^\`a-z_-][^\`]*)?\`" "docs/$1" || fail "docs/$1 does not tell of \`$2\`"
}
for key in $("$program" config schema | python3 -c '
import json, sys
def keys(schema):
    for name, value in schema.items() if isinstance(schema, dict) else ():
        yield from value if name == "properties" else ()
        yield from keys(value)
    for value in schema if isinstance(schema, list) else ():
        yield from keys(value)
print(*sorted(set(keys(json.load(sys.stdin)))))'); do
    named configuration.md "$key"
done
commands() { "$program" "$@" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | grep -vx help; }
for command in $(commands); do
    inner=$(commands "$command" || true)
    for words in ${inner:-$command}; do
        [ "$words" = "$command" ] || words="$command $words"
        named commands.md "authprobe $words"
        # shellcheck disable=SC2086 # a command of two words
        for option in $("$program" $words --help | grep -oE '^ +(-[a-z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
            named commands.md "$option"
        done
    done
done
for word in $(sed -nE 's/^ +[A-Za-z]+ = [0-9]+ "([a-z_]+)",$/\1/p' storage/src/record.rs) \
    $(sed -nE 's/^    pub ([a-z_]+): .*/\1/p' storage/src/record.rs); do
    named records.md "$word"
done

[ "$failed" -eq 0 ] || { echo "docs: $failed failed" >&2; exit 1; }
echo "docs: $count examples checked, 0 failed"
