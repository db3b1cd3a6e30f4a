#!/usr/bin/env python3
"""CPU of whole journeys: login, fresh and held token with local verification, API key, permission."""

import argparse
import json
import subprocess
import time

from kit import Children, authprobe, cpu, directory, end, load, memory, must_live, results, say, spread, table

PROBES = ("api_key", "can-execute", "jwt", "jwt-held", "login")


def configuration(place, api, targets, every):
    """Writes a configuration in which every target is the demo API."""
    for name in ("username", "password", "signing_secret", "api_key"):
        (place / name).write_text(api[name])
    lines = ["store: authprobe.db", "listen: 127.0.0.1:0", "targets:"]
    for index in range(targets):
        lines.append(f"""\
  - name: t{index:05}
    url: {api["url"]}
    every: {every}s
    timeout: 5s
    probes:
      login: {{path: /api/v1/auth/login, username: {{file: username}}, password: {{file: password}}, token: /access_token}}
      jwt: {{algorithms: [HS256], secret: {{file: signing_secret}}, issuer: {api["issuer"]}, request: GET /api/v1/workflows}}
      api_key: {{header: X-API-Key, key: {{file: api_key}}, request: GET /api/v1/workflows}}
      permission:
        - {{name: can-execute, request: POST /api/v1/workflows/probe/execute, expect: allow}}""")
    (place / "authprobe.yaml").write_text("\n".join(lines) + "\n")
    return place / "authprobe.yaml"


def measure(args):
    """One run against a demo API of its own, whose CPU does not count."""
    with directory(args.keep) as place, Children() as children:
        demo = children.start(authprobe(), "demo", "--api-only", log=place / "demo.log", out=subprocess.PIPE)
        config = configuration(place, json.loads(demo.stdout.readline()), args.targets, args.every)
        ours = children.start(authprobe(), "run", "-c", config, log=place / "authprobe.log")
        time.sleep(args.warm_up)
        must_live(demo, ours)
        begun, before, loads = time.time(), cpu(ours), []
        while time.time() < begun + args.seconds:
            time.sleep(min(5, max(0.0, begun + args.seconds - time.time())))
            loads.append(load())
        must_live(demo, ours)
        ended, spent, (rss, peak) = time.time(), cpu(ours) - before, memory(ours)
        stopped = end(ours)
        stored = [result for result in results(place / "authprobe.db") if begun <= result["at"] < ended]
        found = {probe: sum(result["probe"] == probe for result in stored) for probe in PROBES}
        assert sum(found.values()) == len(stored), f"other probes than {PROBES} were run"
        journeys = found["login"]
        return {
            "journeys": journeys, "stored": len(stored), "exit": stopped,
            "bad": sum(result["outcome"] != "success" for result in stored),
            "cpu": spent / journeys * 1000, "each": spent / len(stored) * 1000, "rss": rss, "peak": peak,
            "load": sum(loads) / len(loads), "last": (place / "authprobe.log").read_text().strip().splitlines()[-1],
        }


def main():
    """Repeats the run and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=200)
    parser.add_argument("--every", type=int, default=10, help="interval of each target, in seconds")
    parser.add_argument("--warm-up", type=float, default=25, help="seconds before the measurement; the held token needs two runs")
    parser.add_argument("--seconds", type=float, default=60, help="seconds that are measured")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="keep the directories of the runs")
    args = parser.parse_args()
    runs = []
    for number in range(args.runs):
        runs.append(figures := measure(args))
        say(f"run {number + 1}: {figures}")
    column = lambda name, digits=2: spread((run[name] for run in runs), digits)
    print(f"{args.targets} targets every {args.every} s, {args.seconds:.0f} s measured after {args.warm_up:.0f} s, "
          f"{args.runs} runs; load {column('load', 1)}\n")
    table(["min / median / max", "figure"], [
        ["journeys", column("journeys", 0)],
        ["results stored", column("stored", 0)],
        ["of them not a success", column("bad", 0)],
        ["CPU-s per 1,000 journeys", column("cpu")],
        ["CPU-s per 1,000 results", column("each")],
        ["RSS MiB", column("rss", 1)],
    ])


if __name__ == "__main__":
    main()
