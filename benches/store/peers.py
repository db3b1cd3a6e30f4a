#!/usr/bin/env python3
"""What other stores cost for the data set of the example `dataset`: bytes, CPU, queries, memory."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from feed import DAY, Data, disk, repeat, stretches  # noqa: I001  (makes the next line's module known)
from kit import ROOT, Children, cpu, directory, end, load, memory, say, spread, table
from influx import InfluxDB
from prometheus import Prometheus
from victoria import VictoriaMetrics

SERVERS = {"prometheus": Prometheus, "victoriametrics": VictoriaMetrics, "influxdb": InfluxDB}
RUNS = {"availability": 9, "quantiles": 5, "failures": 25}
CHDB = "chdb==4.4.0"


def data_set(args, place):
    """Writes the data set once; all stores read the same file."""
    example = Path(os.environ.get("DATASET", ROOT / "target/release/examples/dataset"))
    if not example.exists():
        sys.exit(f"{example} is not there: cargo build --release -p storage --example dataset, or set DATASET to it")
    shape = ["--series", str(args.series), "--days", str(args.days), "--steps", args.steps]
    path = place / "data.tsv"
    with open(path, "wb") as file:
        subprocess.run([example, *shape, "--format", "tsv"], stdout=file, check=True)
    window = subprocess.run([example, *shape, "--window"], stdout=subprocess.PIPE, check=True).stdout.split()
    with open(path, "rb") as file:
        begin = int(file.readline().split(b"\t")[3])
        results = 1 + sum(1 for _ in file)
    return Data(path, results, begin, begin + args.days * DAY, tuple(map(int, window)))


def server(kind, data, place, children):
    """Loads a server, lets it settle, starts it again for the queries, and another one for the live path."""
    place.mkdir()
    one = kind(children, place)
    told = {"name": one.name, "stored": one.stored, "load_before": load()}
    begun = time.monotonic()
    # Prometheus' blocks are made beside the server, which finds them when it starts.
    if kind is Prometheus:
        helpers = one.load(data)
        one.start()
    else:
        one.start()
        helpers = one.load(data)
    # Of the whole process: threads that have ended count, too.
    loaded = cpu(one.server)
    told |= {"load_cpu": helpers + (0 if kind is Prometheus else loaded), "load_wall": time.monotonic() - begun}
    say(f"{one.name}: loaded in {told['load_wall']:.0f} s")
    one.settle()
    told |= {
        "settle_cpu": cpu(one.server) - (0 if kind is Prometheus else loaded), "version": one.version(),
        "load_peak_mib": memory(one.server)[1],
    }
    end(one.server)
    told["bytes"] = disk(place / "data")
    one.start()
    told["queries"] = {}
    for name, (query, take) in one.queries(data).items():
        found, wall, busy = repeat(query, one.cpu, RUNS[name])
        told["queries"][name] = {"wall_ms": wall, "cpu_ms": busy, "found": take(found)}
        say(f"{one.name}: {name} {take(found)} {statistics.median(busy):.1f} ms of CPU")
    told["peak_mib"] = memory(one.server)[1]
    end(one.server)
    told["live"] = live(kind, data, place / "live", children)
    return told


def live(kind, data, place, children):
    """A day of results, one slot of all series a request, into an empty server: CPU and time of a request."""
    place.mkdir()
    one = kind(children, place)
    one.start()
    before, wall, results = cpu(one.server), [], 0
    for slot in stretches(data.path, 30_000, data.begin + DAY):
        at = time.perf_counter()
        one.live(slot)
        wall.append((time.perf_counter() - at) * 1000)
        results += len(slot)
    spent = cpu(one.server) - before
    end(one.server)
    say(f"{one.name}: live {results / spent:,.0f} results/s of CPU")
    return {"path": one.live_path, "results": results, "requests": len(wall), "cpu": spent, "wall_ms": wall}


def clickhouse(args, data, place):
    """The engine runs in a Python process of an environment with its package."""
    place.mkdir()
    python = Path(args.venv or place / "venv").absolute() / "bin/python"
    if not python.exists():
        say(f"ClickHouse: installing {CHDB}")
        subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", CHDB], check=True)
    told = {"name": "ClickHouse", "stored": "all columns; daily sums beside", "load_before": load()}
    given = json.dumps(data._asdict() | {"path": str(data.path)})
    for what in ("load", "query"):
        command = [python, Path(__file__).parent / "clickhouse.py", what, place / "data"]
        answer = subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=True, timeout=900)
        told |= json.loads(answer.stdout)
        told |= {"load_peak_mib": told["peak_mib"]} if what == "load" else {}
        say(f"ClickHouse: {what} done")
    told["bytes"] = sum(int(size) for _, size, *_ in told["parts"])
    return told


def show(told, data):
    """The figures as Markdown."""
    table(
        ["store", "bytes/result", "load + settle, CPU-s", "results/s of CPU, bulk", "results/s of CPU, live",
         "peak MiB, load", "peak MiB, queries", "load before"],
        [[
            f"{one['name']} {one['version']}", f"{one['bytes'] / data.results:.2f}",
            f"{one['load_cpu']:.1f} + {one['settle_cpu']:.1f}",
            f"{data.results / (one['load_cpu'] + one['settle_cpu']):,.0f}",
            f"{one['live']['results'] / one['live']['cpu']:,.0f}" if "live" in one else "",
            f"{one['load_peak_mib']:.0f}", f"{one['peak_mib']:.0f}", f"{one['load_before']:.1f}",
        ] for one in told],
    )
    table(
        ["store", "question", "runs", "wall ms", "CPU ms, median", "answer"],
        [[
            one["name"], name, len(run["wall_ms"]), spread(run["wall_ms"], 1),
            f"{statistics.median(run['cpu_ms']):.1f}",
            run["found"] if isinstance(run["found"], int) else " / ".join(f"{value:.3f}" for value in run["found"]),
        ] for one in told for name, run in one["queries"].items()],
    )
    table(
        ["store", "live path", "requests", "results", "CPU-s", "wall ms a request"],
        [[one["name"], live["path"], live["requests"], live["results"], f"{live['cpu']:.1f}", spread(live["wall_ms"])]
         for one in told if (live := one.get("live"))],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--steps", default="chained", choices=["chained", "together", "independent"])
    parser.add_argument("--only", default="victoriametrics,clickhouse,influxdb,prometheus", help="stores, by commas")
    parser.add_argument("--venv", help="a Python environment for ClickHouse; made when it is not there (912 MB)")
    parser.add_argument("--json", default="peers.json", help="where the figures go")
    parser.add_argument("--keep", action="store_true", help="keep the directories")
    args = parser.parse_args()
    with directory(args.keep) as place, Children() as children:
        data = data_set(args, place)
        say(f"{data.results:,} results, load {load():.1f}")
        told = []
        for name in args.only.split(","):
            if name == "clickhouse":
                told.append(clickhouse(args, data, place / name))
            else:
                told.append(server(SERVERS[name], data, place / name, children))
            figures = {"results": data.results, "shape": vars(args), "stores": told}
            Path(args.json).write_text(json.dumps(figures, indent=1) + "\n")
        show(told, data)


if __name__ == "__main__":
    main()
