#!/usr/bin/env bash
# Keeps deploy/ true: the chart is linted and rendered, what it renders is checked, and so are the plain manifests, the
# systemd unit and the image's recipe.
#   tests/deploy.sh [PROGRAM]    checks
#   tests/deploy.sh --write      renders the plain manifests anew
# Where AUTHPROBE_TEST_KUBECONFIG names the administrator's file of a cluster (kind, k3d or another that may be played
# with), its API server judges the manifests and the rights; namespaces of their own are made there and deleted.
set -euo pipefail
cd "$(dirname "$0")/.."

chart=deploy/helm/authprobe plain=deploy/kubernetes/authprobe.yaml
tools=$(tests/kubernetes-tools.sh)
# Debian's python3-yaml belongs to Debian's python3, which need not be the first on the PATH.
for python in python3 /usr/bin/python3 none; do
    if "$python" -c 'import yaml' 2>/dev/null; then break; fi
done
[ "$python" != none ] || { echo "deploy: python3-yaml is not here: run tests/install.sh" >&2 && exit 1; }
work=$(mktemp -d)
namespaces=
finish() {
    # shellcheck disable=SC2086 # one word a namespace
    [ -z "$namespaces" ] || kubectl delete namespace --wait=false --ignore-not-found $namespaces >/dev/null
    rm -rf "$work"
}
trap finish EXIT

say() { echo "deploy: $*"; }
fail() {
    echo "deploy: $*" >&2
    exit 1
}
# No configuration of whoever runs this has a say.
helm() { HELM_CONFIG_HOME="$work/helm" HELM_CACHE_HOME="$work/helm" HELM_DATA_HOME="$work/helm" "$tools/helm" "$@"; }
kubectl() { KUBECONFIG="$AUTHPROBE_TEST_KUBECONFIG" "$tools/kubectl" --cache-dir="$work/kube" "$@"; }
render() { helm template authprobe "$chart" --namespace "$@"; } # NAMESPACE OPTION...

# What is Helm's own makes no sense without it.
without_helm() {
    sed -e '/helm\.sh\/chart:/d' -e '/managed-by:/d' -e '/^# Source:/d' \
        -e '/^ *annotations:$/{N;N;/resource-policy\|checksum\/config/d}'
}
plain() {
    echo "# An example: the chart's ci/orchestrator-values.yaml, rendered by \`tests/deploy.sh --write\`. docs/deploy.md tells how"
    echo "# to make it yours. After a change of the ConfigMap: kubectl -n authprobe rollout restart deployment/authprobe"
    render authprobe -f "$chart/ci/orchestrator-values.yaml" | without_helm
}
if [ "${1:-}" = --write ]; then
    plain >"$work/plain"
    cp "$work/plain" "$plain"
    exit 0
fi
program=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug/authprobe}")

say "the chart, with $(helm version --short)"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
grep -qx "appVersion: $version" "$chart/Chart.yaml" || fail "Chart.yaml: appVersion is not $version"
check() { # NAME: manifests in $work/NAME.yaml
    mkdir -p "$work/$1"
    names=$("$python" tests/deploy.py "$work/$1.yaml" "$work/$1") || fail "$1"
    (
        for name in $names; do export "$name=only-for-this-test"; done
        "$program" config check -c "$work/$1/authprobe.yaml"
    ) || fail "$1: the configuration is wrong"
}
for values in "$chart"/ci/*.yaml; do
    name=$(basename "$values" -values.yaml)
    helm lint --strict --quiet "$chart" -f "$values"
    render authprobe -f "$values" >"$work/$name.yaml"
    check "$name"
    say "$name: rendered, checked"
done

count=0
refused() { # MESSAGE OPTION...: Helm 3 and 4 word it differently
    message=$1
    shift
    if render authprobe -f "$chart/ci/orchestrator-values.yaml" "$@" >/dev/null 2>"$work/told"; then fail "taken: $*"; fi
    grep -qE -- "$message" "$work/told" || fail "$*: not told \`$message\`, but: $(cat "$work/told")"
    count=$((count + 1))
}
refused "replicas.* not allowed" --set replicas=2
refused "port'?:" --set port=443
refused "changes[./]kubernetes[./]mode" --set config.changes.kubernetes.mode=hash
refused "image[./]digest" --set image.digest=sha256:12
refused "secretEnv[./]0" --set-json 'secretEnv=[{"name":"A"}]'
refused "name at least one target" --set-json 'config.targets=[]'
refused "no ClusterRole" --set-json 'config.changes.kubernetes.namespaces=["*"]'
refused "no namespace to watch" --set-json 'config.changes.kubernetes.namespaces=[]'
refused "write NAMESPACE/NAME" --set-json 'config.targets[0].probes.api_key.key={"kubernetes":{"secret":"name","key":"k"}}'
say "$count wrong values refused"

plain | diff -u "$plain" - >&2 || fail "$plain differs from the chart: run tests/deploy.sh --write"
cp "$plain" "$work/plain.yaml"
check plain
say "the plain manifests are the chart's"

unit=deploy/systemd/authprobe.service
for path in /etc/authprobe/authprobe.yaml /var/lib/authprobe /usr/local/bin/authprobe; do
    for file in "$unit" Dockerfile docs/deploy.md; do
        grep -qF "$path" "$file" || fail "$file does not know $path"
    done
done
while read -r path; do
    [ -e "$path" ] || fail "docs/deploy.md: there is no $path"
done < <(grep -oE '(deploy|tests|docs)/[A-Za-z0-9_./-]*[A-Za-z0-9]' docs/deploy.md | sort -u)
# The font of the charts asks that its licence goes where it goes.
for file in LICENSE reports/src/chart/font/LICENSE; do
    [ -e "$file" ] && grep -qF " $file /out/usr/share/doc/authprobe/" Dockerfile && grep -qx "!${file%%/*}" .dockerignore ||
        fail "the image has no $file"
done
if command -v systemd-analyze >/dev/null; then
    # A program has to be there for the unit to be whole.
    sed "s#^ExecStart=[^ ]*#ExecStart=$(command -v true)#" "$unit" >"$work/authprobe.service"
    systemd-analyze verify --man=no "$work/authprobe.service"
    # In tenths: 20 is 2.0.
    systemd-analyze security --offline=true --threshold=20 --no-pager "$work/authprobe.service" | tail -n 1
else
    say "left out: systemd-analyze is not here"
fi
if command -v hadolint >/dev/null; then
    hadolint Dockerfile
else
    say "left out: hadolint is not here"
fi

if [ -z "${AUTHPROBE_TEST_KUBECONFIG:-}" ]; then
    say "left out: no cluster, AUTHPROBE_TEST_KUBECONFIG is not set"
    exit 0
fi

say "the cluster: $(kubectl version 2>/dev/null | grep Server)"
suffix=$$
own=authprobe-$suffix watched=watched-$suffix second=second-$suffix keys=keys-$suffix other=other-$suffix
namespaces="$own $watched $second $keys $other"
for namespace in $namespaces; do
    kubectl create namespace "$namespace" >/dev/null
    for name in orchestrator-jwt-secret orchestrator-api-keys probe unnamed; do
        kubectl -n "$namespace" create secret generic "$name" --from-literal=secret=only-for-this-test >/dev/null
    done
done
try() { # VALUES: all of it, as a dry run
    sed -e "s/llm-orchestrator/$watched/" -e "s/\bidentity\b/$second/" -e "s#authprobe-keys/#$keys/#" \
        "$chart/ci/$1-values.yaml" >"$work/values.yaml"
    # Its kind is the Prometheus operator's, which need not be there.
    render "$own" -f "$work/values.yaml" --set serviceMonitor.enabled=false >"$work/all.yaml"
    kubectl apply --dry-run=server -f "$work/all.yaml" >"$work/told"
    say "$1: the API server takes $(wc -l <"$work/told") objects (dry run)"
}
grant() { # VALUES: the rights, for real
    try "$1"
    render "$own" -f "$work/values.yaml" -s templates/serviceaccount.yaml -s templates/rbac.yaml >"$work/rights.yaml"
    kubectl apply -f "$work/rights.yaml" >/dev/null
}
ask() { kubectl --as "system:serviceaccount:$own:authprobe" "$@"; }
rights=0
may() { # WHAT PATH
    ask get --raw "$2" >/dev/null 2>"$work/told" || fail "may not $1: $(cat "$work/told")"
    rights=$((rights + 1))
}
may_not() { # WHAT PATH
    if ask get --raw "$2" >/dev/null 2>"$work/told"; then fail "may $1"; fi
    grep -qi forbidden "$work/told" || fail "$1: not refused, but: $(cat "$work/told")"
    rights=$((rights + 1))
}
can() { # yes|no VERB RESOURCE NAMESPACE OPTION...
    answer=$1 verb=$2 resource=$3 namespace=$4
    shift 4
    told=$(ask auth can-i "$verb" "$resource" -n "$namespace" "$@" 2>/dev/null || true)
    [ "$told" = "$answer" ] || fail "$verb $resource in $namespace: $told, not $answer"
    rights=$((rights + 1))
}
api=/api/v1/namespaces
by_name() { echo "$api/$1/secrets?fieldSelector=metadata.name%3D$2${3:-}"; } # NAMESPACE NAME MORE
watching='&watch=1&timeoutSeconds=1'

# No node is waited for: this is about what Helm makes, changes and leaves.
try orchestrator
release() { helm "$@" --kubeconfig "$AUTHPROBE_TEST_KUBECONFIG" --namespace "$own" >/dev/null; }
config_of() { kubectl -n "$own" get deployment authprobe -o jsonpath='{.spec.template.metadata.annotations.checksum/config}'; }
release install authprobe "$chart" -f "$work/values.yaml"
before=$(config_of)
release upgrade authprobe "$chart" -f "$work/values.yaml" --set config.agent=second
[ "$(config_of)" != "$before" ] || fail "another configuration does not mean another pod"
release uninstall authprobe
kubectl -n "$own" get persistentvolumeclaim authprobe >/dev/null || fail "the store went with the release"
kubectl -n "$own" delete persistentvolumeclaim authprobe >/dev/null
left=$(kubectl -n "$watched" get roles,rolebindings -o name)
[ -z "$left" ] || fail "rights stayed after the release: $left"
say "installed, upgraded and uninstalled; the claim of the store stayed"

grant orchestrator
for name in orchestrator-jwt-secret orchestrator-api-keys; do
    may "list $name by name" "$(by_name "$watched" $name)"
    may "watch $name by name" "$(by_name "$watched" $name "$watching")"
    may_not "list $name elsewhere" "$(by_name "$other" $name)"
done
may_not "list a Secret that is not named" "$(by_name "$watched" unnamed)"
may_not "watch a Secret that is not named" "$(by_name "$watched" unnamed "$watching")"
may_not "list all Secrets" "$api/$watched/secrets"
may_not "watch all Secrets" "$api/$watched/secrets?watch=1&timeoutSeconds=1"
may_not "list the Secrets of all namespaces" "/api/v1/secrets"
may_not "get a Secret" "$api/$watched/secrets/orchestrator-jwt-secret"
may_not "list the Secrets of its own namespace" "$api/$own/secrets"
for kind in deployments statefulsets daemonsets replicasets; do
    may "list $kind" "/apis/apps/v1/namespaces/$watched/$kind"
    may "watch $kind" "/apis/apps/v1/namespaces/$watched/$kind?watch=1&timeoutSeconds=1"
    may_not "list $kind elsewhere" "/apis/apps/v1/namespaces/$other/$kind"
done
for kind in pods configmaps; do
    may "list $kind" "$api/$watched/$kind"
    may "watch $kind" "$api/$watched/$kind?watch=1&timeoutSeconds=1"
    may_not "list $kind elsewhere" "$api/$other/$kind"
done
for verb in create update patch delete; do
    for kind in secrets configmaps pods deployments.apps; do can no "$verb" $kind "$watched"; done
done
can no get pods "$watched" --subresource=log
for verb in get create; do can no "$verb" pods "$watched" --subresource=exec; done

grant everything
for namespace in "$watched" "$second"; do
    may "list all Secrets" "$api/$namespace/secrets"
    may "watch all Secrets" "$api/$namespace/secrets?watch=1&timeoutSeconds=1"
    can yes get pods "$namespace" --subresource=log
    can no create pods "$namespace" --subresource=exec
    can no patch secrets "$namespace"
done
may "get the credential" "$api/$keys/secrets/probe"
may_not "get another Secret there" "$api/$keys/secrets/unnamed"
may_not "list the Secrets there" "$api/$keys/secrets"
may_not "list the pods there" "$api/$keys/pods"
may_not "list Secrets elsewhere" "$api/$other/secrets"

try off
say "$rights rights asked of the API server: each as it should be"
