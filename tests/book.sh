#!/usr/bin/env bash
# Builds the book of docs/ into target/book/docs, and checks every link in it.
#   tests/book.sh             installs mdbook where it is not here
# Beside the book lies what it links to in the repository.
set -euo pipefail
cd "$(dirname "$0")/.."

mdbook=0.5.4
if ! mdbook --version 2>/dev/null | grep -qF "$mdbook"; then
    # Built for speed of building, without the server: a minute less.
    cargo install --quiet --locked --debug mdbook --version "$mdbook" --no-default-features --features search
fi
book=target/book
rm -rf "$book"
mdbook build docs
for linked in $(grep -oh '](\.\./[^)#]*' docs/*.md | sed 's#](\.\./##' | sort -u); do
    mkdir -p "$book/$(dirname "$linked")"
    cp -r "$linked" "$book/$linked"
done
# What mdbook says on pages that do not exist begins at the root of a site.
find "$book/docs" -name '*.html' ! -name 404.html -print0 | xargs -0 python3 tests/links.py
