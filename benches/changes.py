#!/usr/bin/env python3
"""What watching a cluster costs: 5,000 Secrets, each written once, and 500 Deployments with a new template each."""

import argparse
import base64
import concurrent.futures
import contextlib
import http.client
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path

from kit import (Children, authprobe, configuration, cpu, directory, end, free_port, load, memory, must_live, say, spread,
                 table)

VARIABLE = "AUTHPROBE_TEST_KUBECONFIG"
WATCHED = ("configmaps", "daemonsets", "deployments", "pods", "replicasets", "secrets", "statefulsets")
WRITERS = 4
CLUSTER_HELP = f"""
{VARIABLE} names the kubeconfig of a cluster that may be played with, with all rights: `kind get kubeconfig`, for example.
It has one cluster, one user and one context. The authority stands in it (certificate-authority-data), and the user has a
token or a client certificate with its key (client-certificate-data, client-key-data). What is not read: paths to files in
place of them, exec and auth-provider plugins, passwords, proxies, insecure-skip-tls-verify.
Two namespaces are made, one after the other, and deleted at the end of each run. Requests are counted by the API server's
own metrics, which know no user agent: LIST and WATCH of the kinds that authprobe watches, within one namespace. This script
asks for none of them while it counts; what others ask for is seen at the daemon that watches nothing. Watches of ConfigMaps
are left out: a control plane of Kubernetes 1.20 itself begins some every few seconds. authprobe has one, as of each other kind.
"""


class Cluster:
    """A cluster by its kubeconfig, asked over one connection a thread."""

    def __init__(self, kubeconfig, place):
        text = Path(kubeconfig).read_text()
        found = lambda key: re.findall(rf"\b{key}:\s*[\"']?([^\s\"',}}]+)", text)
        server, authority = found("server"), found("certificate-authority-data")
        token, certificate, key = found("token"), found("client-certificate-data"), found("client-key-data")
        if (len(server), len(authority)) != (1, 1) or len(token) + len(certificate) != 1 or len(certificate) != len(key):
            sys.exit(f"{kubeconfig} is of a form that is not read.\n{CLUSTER_HELP}")
        self.address = urllib.parse.urlsplit(server[0])
        self.context = ssl.create_default_context(cadata=base64.b64decode(authority[0]).decode())
        self.headers = {"User-Agent": "authprobe-bench"}
        if token:
            self.headers["Authorization"] = f"Bearer {token[0]}"
        else:
            files = Path(place) / "client.crt", Path(place) / "client.key"
            for file, content in zip(files, (certificate[0], key[0])):
                file.touch(0o600)
                file.write_bytes(base64.b64decode(content))
            self.context.load_cert_chain(*files)
        self.threads = threading.local()

    def ask(self, method, path, body=None, kind="application/json", accepted=(200, 201, 202)):
        """The body of an answer; any status but those that are accepted ends the measurement."""
        if not hasattr(self.threads, "connection"):
            self.threads.connection = http.client.HTTPSConnection(
                self.address.hostname, self.address.port or 443, context=self.context, timeout=60)
        headers = {**self.headers, "Content-Type": kind}
        content = None if body is None else json.dumps(body)
        self.threads.connection.request(method, self.address.path.rstrip("/") + path, content, headers)
        answer = self.threads.connection.getresponse()
        said = answer.read().decode()
        if answer.status not in accepted:
            raise RuntimeError(f"{method} {path}: {answer.status} {said[:300]}")
        return said

    @contextlib.contextmanager
    def namespace(self, purpose):
        """A namespace that is gone when this ends."""
        name = f"authprobe-bench-{purpose}-{os.getpid()}-{time.time_ns()}"
        self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        try:
            yield name
        finally:
            self.ask("DELETE", f"/api/v1/namespaces/{name}", accepted=(200, 202, 404, 409))
            wait(lambda: '"code":404' in self.ask("GET", f"/api/v1/namespaces/{name}", accepted=(200, 404)), 600,
                 f"the end of namespace {name}", 1)

    def each(self, calls):
        """Makes (method, path, body[, kind]) requests over a few connections; seconds that it took."""
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(WRITERS) as threads:
            for done in [threads.submit(self.ask, *call) for call in calls]:
                done.result()
        return time.monotonic() - begun

    def requests(self):
        """LIST and WATCH requests that were begun in single namespaces, by verb and resource; no watches of ConfigMaps."""
        begun = Counter()
        # A watch enters the total when it ends; while it goes on it is in the gauge, whose name changed with 1.22.
        names = r"apiserver_(?:request_total|longrunning_gauge|longrunning_requests)"
        for line in self.ask("GET", "/metrics").splitlines():
            if sample := re.fullmatch(names + r"\{(.*)\} (\S+)", line):
                label = dict(re.findall(r'(\w+)="([^"]*)"', sample[1]))
                if label["verb"] in ("LIST", "WATCH") and label["scope"] == "namespace" and label["resource"] in WATCHED:
                    begun[label["verb"], label["resource"]] += int(float(sample[2]))
        begun.pop(("WATCH", "configmaps"), None)
        return begun


class Daemon:
    """A daemon with one idle target, and what it watches."""

    def __init__(self, children, place, name, namespace=None, mode=None):
        place = place / name
        place.mkdir()
        config = configuration(place, [("idle", f"http://127.0.0.1:{free_port()}/")], 3600)
        if mode:
            kubeconfig = json.dumps(str(Path(os.environ[VARIABLE]).resolve()))
            with config.open("a") as file:
                file.write(f"changes:\n  kubernetes: {{mode: {mode}, namespaces: [{namespace}], kubeconfig: {kubeconfig}}}\n")
        self.log, self.store = place / "authprobe.log", place / "authprobe.db"
        self.begun = time.monotonic()
        self.child = children.start(authprobe(), "run", "-c", config, log=self.log)
        wait(lambda: "listening on" in self.said(), 60, "a start")
        self.url = re.search(r"listening on (\S+)", self.said())[1]

    def said(self):
        """The log; one that speaks of blindness ends the measurement."""
        text = self.log.read_text()
        if "cannot be seen" in text:
            raise RuntimeError(text)
        return text

    def listed(self):
        """Seconds from the start until all kinds are watched."""
        wait(lambda: self.said().count("is watched") == len(WATCHED), 300, "the lists", 0.02)
        return time.monotonic() - self.begun

    def kept(self):
        """Records that are in the store."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=10) as answer:
            return int(re.search(r'store_records_total\{state="kept"\} (\d+)', answer.read().decode())[1])

    def changes(self):
        """Ends the daemon; the changes in its store."""
        must_live(self.child)
        end(self.child)
        self.said()
        exported = subprocess.run([authprobe(), "export", "--store", self.store], stdout=subprocess.PIPE, check=True).stdout
        return [record for record in map(json.loads, exported.splitlines()) if record["type"] == "change"]


def wait(there, within, what, pause=0.1):
    """Waits until something is there."""
    until = time.monotonic() + within
    while not there():
        if time.monotonic() > until:
            raise RuntimeError(f"{what} did not come within {within} s")
        time.sleep(pause)


def until_quiet(daemon, pause=20, within=1200):
    """Waits until the store has grown no more for a while; the moment of its last growth."""
    until, last, since = time.monotonic() + within, daemon.kept(), time.monotonic()
    while time.monotonic() - since < pause:
        if time.monotonic() > until:
            raise RuntimeError(f"the store still grew after {within} s")
        time.sleep(0.25)
        if (now := daemon.kept()) != last:
            last, since = now, time.monotonic()
    return since


def count(requests):
    """Requests as one cell."""
    verbs = Counter()
    for (verb, _), number in requests.items():
        verbs[verb] += number
    return verbs["LIST"], verbs["WATCH"]


def quiet(cluster, child, seconds):
    """CPU seconds and requests while nothing happens."""
    before, spent = cluster.requests(), cpu(child)
    time.sleep(seconds)
    must_live(child)
    # Of a watch that is renewed at this moment the end may be counted and the beginning not.
    return cpu(child) - spent, count(cluster.requests() - before)


def baseline(cluster, args, children, place):
    """A daemon that watches nothing."""
    before, daemon = cluster.requests(), Daemon(children, place, "baseline")
    time.sleep(args.settle)
    first, spent = memory(daemon.child)[0], cpu(daemon.child)
    idle, others = quiet(cluster, daemon.child, args.quiet)
    rss = memory(daemon.child)[0]
    assert not daemon.changes(), "a daemon that watches nothing told changes"
    yield {"what": "nothing", "rss": first, "rss_after": rss, "list_cpu": spent, "quiet_cpu": idle, "quiet_requests": others,
           "requests": count(cluster.requests() - before), "load": load()}


def followed(cluster, args, children, place, what, namespace, mode, alter):
    """A daemon from its first list until all that `alter` did has been told."""
    before, daemon = cluster.requests(), Daemon(children, place, what, namespace, mode)
    listed = daemon.listed()
    time.sleep(args.settle)
    figures = {"what": what, "list": listed, "list_cpu": cpu(daemon.child), "rss": memory(daemon.child)[0],
               "list_requests": count(cluster.requests() - before)}
    figures["quiet_cpu"], figures["quiet_requests"] = quiet(cluster, daemon.child, args.quiet)
    spent, begun, kept = cpu(daemon.child), time.monotonic(), daemon.kept()
    figures["write"] = alter()
    figures["told_within"] = until_quiet(daemon) - begun
    figures["write_cpu"], figures["records"] = cpu(daemon.child) - spent, daemon.kept() - kept
    figures["rss_after"], figures["peak"] = memory(daemon.child)
    figures["load"] = load()
    changes = daemon.changes()
    figures["requests"] = count(cluster.requests() - before)
    return figures, changes


def secrets(cluster, args, children, place):
    """The Secrets in both modes; each mode sees every Secret written once."""
    with cluster.namespace("secrets") as namespace:
        path = f"/api/v1/namespaces/{namespace}/secrets"
        content = lambda index, turn: {
            "metadata": {"name": f"secret-{index:05}"},
            "stringData": {f"key{number}": f"value-{turn}-{index:05}-{number}".ljust(48, "x") for number in range(3)},
        }
        took = cluster.each(("POST", f"{path}?fieldManager=maker", content(index, 0)) for index in range(args.secrets))
        say(f"{args.secrets} Secrets made within {took:.0f} s")
        for turn, mode in enumerate(("metadata", "keyed_hash"), 1):
            write = lambda: cluster.each(
                ("PUT", f"{path}/secret-{index:05}?fieldManager=writer{turn}", content(index, turn))
                for index in range(args.secrets))
            figures, changes = followed(cluster, args, children, place, mode, namespace, mode, write)
            told = [change for change in changes if change["kind"] == "secret" and change["operation"] == "updated"]
            figures["told"] = len({change["object"] for change in told})
            figures["known"] = sum(change.get("data_changed") == "yes" for change in told)
            figures["other"] = len(changes) - len(told)
            yield figures


def deployment(index, version):
    """A Deployment of one pod that nobody needs to run."""
    name = f"app-{index:03}"
    container = {"name": "app", "image": f"registry.invalid/app:{version}", "env": [{"name": "LEVEL", "value": "info"}]}
    return {"metadata": {"name": name}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}}}


def rollouts(cluster, args, children, place):
    """Deployments, each with one other image."""
    with cluster.namespace("rollouts") as namespace:
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        cluster.each(("POST", path, deployment(index, "v1")) for index in range(args.deployments))

        def made():
            items = json.loads(cluster.ask("GET", path))["items"]
            return len(items) == args.deployments and all(item["status"].get("unavailableReplicas") == 1 for item in items)

        wait(made, 900, "the pods of the Deployments", 3)
        say(f"{args.deployments} Deployments have their pods")
        time.sleep(10)

        def new_pod(name):
            item = json.loads(cluster.ask("GET", f"{path}/{name}"))
            status = item["status"]
            return status["observedGeneration"] == item["metadata"]["generation"] and status.get("updatedReplicas") == 1

        def write():
            changed = [deployment(index, "v2") for index in range(args.deployments)]
            names = [item["metadata"]["name"] for item in changed]
            kind = "application/strategic-merge-patch+json"
            took = cluster.each(("PATCH", f"{path}/{name}", item, kind) for name, item in zip(names, changed))
            for name in names:
                wait(lambda: new_pod(name), 900, f"the new pod of {name}", 1)
            return took

        figures, changes = followed(cluster, args, children, place, "rollouts", namespace, "metadata", write)
        told = [change for change in changes if change["kind"] == "rollout" and change["operation"] == "updated"]
        figures["told"] = len({change["object"] for change in told})
        figures["known"] = sum("app:v2" in change.get("summary", "") for change in told)
        figures["other"] = len(changes) - len(told)
        yield figures


PARTS = {"nothing": baseline, "secrets": secrets, "rollouts": rollouts}


def measure(args):
    """One run: a daemon of its own for each part."""
    with directory(args.keep) as place, Children() as children:
        cluster = Cluster(os.environ[VARIABLE], place)
        version = json.loads(cluster.ask("GET", "/version"))["gitVersion"]
        figures = []
        for part in args.parts:
            for one in PARTS[part](cluster, args, children, place):
                figures.append({**one, "version": version})
                say(one)
        return figures


def main():
    """Repeats the run and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=CLUSTER_HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--secrets", type=int, default=5000)
    parser.add_argument("--deployments", type=int, default=500)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--quiet", type=float, default=60, help="seconds in which nothing is written")
    parser.add_argument("--settle", type=float, default=3, help="seconds between the lists and the first look at memory")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="keep the directories of the runs")
    args = parser.parse_args()
    if not os.environ.get(VARIABLE):
        sys.exit(CLUSTER_HELP.strip())
    runs = []
    for number in range(args.runs):
        say(f"run {number + 1}")
        runs.append(measure(args))

    def row(title, name, digits=1, part=None):
        cells = [title]
        for column in range(len(runs[0])):
            values = [run[column][name] for run in runs if name in run[column]]
            values = [value[part] if part is not None else value for value in values]
            cells.append(spread(values, digits) if values else "")
        return cells

    print(f"Kubernetes {runs[0][0]['version']}; {args.secrets} Secrets, {args.deployments} Deployments, {args.runs} runs\n")
    table(["min / median / max", *(part["what"] for part in runs[0])], [
        row("load at the end", "load"),
        row("from the start until all is watched, s", "list", 2),
        row("LIST requests of the lists", "list_requests", 0, 0),
        row("WATCH requests after them, without ConfigMaps", "list_requests", 0, 1),
        row("CPU-s until then", "list_cpu", 2),
        row("RSS MiB after the lists", "rss"),
        row(f"CPU-s of {args.quiet:.0f} quiet s", "quiet_cpu", 2),
        row("LIST requests in them", "quiet_requests", 0, 0),
        row("WATCH requests in them", "quiet_requests", 0, 1),
        row("writing all of them, s", "write"),
        row("until the last was told, and new pods are there, s", "told_within"),
        row("CPU-s for them", "write_cpu", 2),
        row("told", "told", 0),
        row("with what changed", "known", 0),
        row("other changes told", "other", 0),
        row("records written", "records", 0),
        row("RSS MiB at the end", "rss_after"),
        row("highest RSS MiB", "peak"),
        row("LIST requests in all", "requests", 0, 0),
        row("WATCH requests in all", "requests", 0, 1),
    ])


if __name__ == "__main__":
    main()
