"""Checks what the chart rendered: `deploy.py MANIFESTS DIRECTORY` also writes the configuration in it to DIRECTORY.

The configuration gets a stand-in for every file that it refers to; the names of its variables are printed.
"""

import pathlib
import sys

import yaml

HOME = "/etc/authprobe"
# The kinds of objects that a rule may be about, all of one rule.
LOOKED_AT = [
    ["deployments", "statefulsets", "daemonsets", "replicasets"], ["pods"], ["pods/log"], ["secrets"], ["configmaps"],
]


def main(manifests, directory):
    documents = [document for document in yaml.safe_load_all(open(manifests, encoding="utf-8")) if document]
    kinds = {}
    for document in documents:
        kinds.setdefault(document["kind"], []).append(document)
        must(document["metadata"].get("namespace"), f"{document['kind']} names its namespace")
    must(not {"ClusterRole", "ClusterRoleBinding", "Secret"} & kinds.keys(), "no ClusterRole, no Secret")
    text = one(kinds, "ConfigMap")["data"]["authprobe.yaml"]
    config = yaml.safe_load(text)
    pod = hardened(one(kinds, "Deployment"))
    container = pod["containers"][0]
    ports(kinds, config, container)
    files = mounts(config, pod, container)
    rights(kinds, config, pod)
    names = {value["env"] for value in references(config, "env")}
    must(names <= {entry["name"] for entry in container["env"]}, f"the pod has the variables {sorted(names)}")

    pathlib.Path(directory, "authprobe.yaml").write_text(text, encoding="utf-8")
    for file in files:
        path = pathlib.Path(directory, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("only-for-this-test", encoding="utf-8")
    print(" ".join(sorted(names)))


def hardened(deployment):
    """The pod, which is one at a time and has no right over its machine."""
    spec = deployment["spec"]
    must(spec["replicas"] == 1 and spec["strategy"] == {"type": "Recreate"}, "one `run` a store")
    pod = spec["template"]["spec"]
    user = pod["securityContext"]
    must(user["runAsNonRoot"] and user["runAsUser"] > 0 and user["runAsUser"] == user["fsGroup"], "it is not root")
    must(f"USER {user['runAsUser']}:{user['runAsGroup']}" in pathlib.Path("Dockerfile").read_text(encoding="utf-8"),
         "the image has the user of the pod")
    must(user["seccompProfile"] == {"type": "RuntimeDefault"}, "system calls are filtered")
    must(not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), "it shares nothing of the machine")
    kinds = {kind for volume in pod["volumes"] for kind in volume if kind != "name"}
    must(kinds <= {"configMap", "secret", "emptyDir", "persistentVolumeClaim"}, "it mounts nothing of the machine")
    context = pod["containers"][0]["securityContext"]
    must(context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"], "it may not rise or write")
    must(context["capabilities"] == {"drop": ["ALL"]} and not context["privileged"], "it has no capabilities")
    return pod


def ports(kinds, config, container):
    """One port, everywhere the same."""
    port = container["ports"][0]
    must(config["listen"] == f"0.0.0.0:{port['containerPort']}", "the program listens at the pod's port")
    service = one(kinds, "Service")["spec"]["ports"][0]
    must(service["port"] == port["containerPort"] and service["targetPort"] == port["name"], "the Service leads there")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        must(asked["port"] == port["name"] and asked["path"] in ("/healthz", "/readyz"), f"{probe} asks there")
    for policy in kinds.get("NetworkPolicy", []):
        allowed = policy["spec"]["ingress"][0]["ports"]
        must([entry["port"] for entry in allowed] == [port["name"]], "nothing but the port is open")
    for monitor in kinds.get("ServiceMonitor", []):
        must(monitor["spec"]["endpoints"][0]["port"] == service["name"], "metrics are asked of the Service")


def mounts(config, pod, container):
    """Every file that the configuration names is mounted; the relative ones are returned."""
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounted = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    must({mount["name"] for mount in mounted.values()} == volumes.keys(), "every volume is mounted")
    must(container["args"] == ["run", "-c", f"{HOME}/authprobe.yaml"] and container["args"][2] in mounted, "the file")
    store = pathlib.PurePosixPath(config["store"]).parent
    must(not mounted[str(store)].get("readOnly"), "the store can be written")
    files = sorted({value["file"] for value in references(config, "file")})
    for file in files:
        folder = str(pathlib.PurePosixPath(HOME, file).parent)
        must(volumes[mounted[folder]["name"]].get("secret"), f"{file} comes from a Secret")
    return files


def rights(kinds, config, pod):
    """Rights to look, and only where the configuration says so."""
    watch = (config.get("changes") or {}).get("kubernetes") or {"mode": "off"}
    roles = {role["metadata"]["namespace"]: role["rules"] for role in kinds.get("Role", [])}
    bound = {binding["metadata"]["namespace"] for binding in kinds.get("RoleBinding", [])}
    must(roles.keys() == bound, "every Role is bound")
    credentials = {value["kubernetes"]["secret"] for value in references(config, "kubernetes")
                   if "secret" in value["kubernetes"]}
    expected = {credential.split("/")[0] for credential in credentials}
    if watch["mode"] != "off":
        expected |= set(watch["namespaces"])
    must(roles.keys() == expected, f"Roles in {sorted(expected)} and nowhere else")
    must(pod["automountServiceAccountToken"] == bool(expected), "a token where there are rights")
    for rules in roles.values():
        for rule in rules:
            verbs, resources = rule["verbs"], rule["resources"]
            must(set(verbs) <= {"get", "list", "watch"} and resources in LOOKED_AT, "it may only look, and at these")
            if resources == ["pods/log"] or (resources == ["secrets"] and "get" in verbs):
                must(verbs == ["get"], "what is read one by one is not listed")
            if resources == ["secrets"]:
                names = [name.split("/")[1] for name in credentials] if verbs == ["get"] else watch.get("secrets", [])
                must(rule.get("resourceNames", []) == sorted(names), "Secrets by name")


def references(node, key):
    """Every map below the node that has the key and nothing else: a reference to a secret."""
    children = []
    if isinstance(node, dict):
        if node.keys() == {key} and node[key]:
            yield node
        children = node.values()
    elif isinstance(node, list):
        children = node
    for child in children:
        yield from references(child, key)


def one(kinds, kind):
    must(len(kinds.get(kind, [])) == 1, f"one {kind}")
    return kinds[kind][0]


def must(holds, what):
    if not holds:
        sys.exit(f"does not hold: {what}")


main(*sys.argv[1:])
