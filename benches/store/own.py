#!/usr/bin/env python3
"""What our store costs for the data set of the example `dataset`: bytes, CPU, commits, queries, memory."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kit import ROOT, authprobe, directory, load, say, table  # noqa: E402  (found by the line above)

# Name, question and options of what is asked.
QUESTIONS = (
    ("availability", "availability"), ("availability, cut", "availability", "--cut"),
    ("availability, one series", "availability", "--one"),
    ("availability, one series, cut", "availability", "--one", "--cut"),
    ("quantiles", "quantiles"), ("quantiles, cut", "quantiles", "--cut"),
    ("quantiles, one series", "quantiles", "--one"), ("quantiles, one series, cut", "quantiles", "--one", "--cut"),
    ("quantiles, exact, one series", "exact", "--one"), ("quantiles, exact", "exact"),
    ("failures of two hours", "failures"),
)


class Measure:
    """The example `measure`, each part a process of its own, and what it told."""

    def __init__(self, shape):
        self.example = Path(os.environ.get("MEASURE", ROOT / "target/release/examples/measure"))
        if not self.example.exists():
            sys.exit(f"{self.example} is not there: cargo build --release -p storage --example measure, or set MEASURE")
        self.shape = shape

    def part(self, *words):
        """The figures of a part."""
        before = load()
        command = [self.example, *words, *self.shape]
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True)
        told = json.loads(done.stdout) | {"load": before}
        say(f"{' '.join(map(str, words[:2]))}: {done.stdout.decode().strip()[:160]}")
        return told


def fill(measure, drawn, store, *options):
    """Fills a store; the CPU that drawing the data takes is not the store's."""
    told = measure.part("fill", store, *options)
    told["store_cpu_s"] = told["cpu_s"] - drawn
    return told


def ask(measure, store, runs):
    """Asks everything; what reads all results is asked less often."""
    return {
        name: measure.part("ask", question, store, *options, "--runs", min(runs, 5) if name.endswith("exact") else runs)
        for name, question, *options in QUESTIONS
    }


def through_the_program(store, place, results):
    """Exports a store and imports that with the real program: records a second, CPU, peak memory."""
    lines, copy, told = place / "all.ndjson", place / "imported.db", {}
    steps = (("export", ["export", "--store", store], lines), ("import", ["import", "--store", copy, lines], None),
             ("import again", ["import", "--store", copy, lines], None))
    for name, words, out in steps:
        before, begun = load(), time.monotonic()
        with open(out or os.devnull, "wb") as output:
            child = subprocess.Popen([authprobe(), *map(str, words)], stdout=output, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(child.pid, 0)
        if status:
            sys.exit(f"authprobe {name} ended with {status}")
        told[name] = {"wall_s": time.monotonic() - begun, "cpu_s": usage.ru_utime + usage.ru_stime,
                      "peak_mib": usage.ru_maxrss / 1024, "load": before, "results": results}
        say(f"{name}: {told[name]}")
    told["lines_bytes"] = lines.stat().st_size
    told["imported"] = copy.stat().st_size
    lines.unlink()
    return told


def largest(tables):
    """The five largest tables, each after its bytes a result."""
    return sorted(((size, name) for name, size in tables.items()), reverse=True)[:5]


def show(told):
    """The figures as Markdown."""
    table(
        ["fill", "results", "results/s of CPU, store", "with drawing", "bytes written/result",
         "commit ms, min / p50 / p99 / max", "longest piece ms", "peak MiB", "load"],
        [[
            name, f"{one['results']:,}", f"{one['results'] / one['store_cpu_s']:,.0f}",
            f"{one['results'] / one['cpu_s']:,.0f}", f"{one['written'] / one['results']:.0f}",
            " / ".join(f"{one['commit_ms'][key]:.2f}" for key in ("min", "p50", "p99", "max")),
            f"{one['piece_ms']['max']:.0f}", f"{one['peak_mib']:.1f}", f"{one['load']:.1f}",
        ] for name, one in told["fill"].items()],
    )
    table(
        ["size", "bytes/result", "× floor", "by table"],
        [[
            name, f"{one['bytes_a_result']:.3f}", f"{one['of_floor']:.3f}",
            ", ".join(f"{name} {size:.3f}" for size, name in largest(one["tables"])),
        ] for name, one in told["size"].items()],
    )
    table(
        ["question", "CPU ms, first", "CPU ms", "wall ms", "peak MiB", "load", "answer"],
        [[
            name, f"{one['first_cpu_ms']:.2f}", " / ".join(f"{ms:.2f}" for ms in one["cpu_ms"]),
            " / ".join(f"{ms:.2f}" for ms in one["wall_ms"]), f"{one['peak_mib']:.1f}", f"{one['load']:.1f}",
            json.dumps(one["found"]),
        ] for name, one in told["ask"].items()],
    )
    table(
        ["part", "CPU-s", "wall s", "peak MiB", "load"],
        [[name, f"{one['cpu_s']:.1f}", f"{one['wall_s']:.1f}", f"{one['peak_mib']:.1f}", f"{one['load']:.1f}"]
         for name, one in told["other"].items() if isinstance(one, dict)],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--steps", default="chained", choices=["chained", "together", "independent"])
    parser.add_argument("--batches", default="100,1000", help="results of a commit, by commas; the first one is asked")
    parser.add_argument("--inline", action="store_true", help="also with checkpoints between the commits")
    parser.add_argument("--runs", type=int, default=20, help="of each question")
    parser.add_argument("--program", action="store_true", help="also export and import with the program")
    parser.add_argument("--json", default="own.json", help="where the figures go")
    parser.add_argument("--keep", action="store_true", help="keep the directory")
    args = parser.parse_args()
    measure = Measure(["--series", str(args.series), "--days", str(args.days), "--steps", args.steps])
    told = {"shape": vars(args), "fill": {}, "size": {}, "other": {}}
    with directory(args.keep) as place:
        told["other"]["draw"] = drawn = measure.part("draw")
        drawn["wall_s"] = drawn["cpu_s"]
        store, *others = [place / f"{batch}.db" for batch in args.batches.split(",")]
        for one in (store, *others):
            told["fill"][f"{one.stem} a commit"] = fill(measure, drawn["cpu_s"], one, "--batch", one.stem)
        if args.inline:
            one = place / "inline.db"
            told["fill"][f"{store.stem} a commit, checkpoints between"] = fill(
                measure, drawn["cpu_s"], one, "--batch", store.stem, "--inline")
            one.unlink()
        for one in others:
            one.unlink()
        told["size"]["as it is at the end"] = measure.part("keep", "size", store)
        told["ask"] = ask(measure, store, args.runs)
        told["other"]["verify"] = measure.part("keep", "verify", store)
        if args.program:
            told["other"] |= through_the_program(store, place, told["size"]["as it is at the end"]["results"])
        told["other"]["compact"] = measure.part("keep", "compact", store)
        told["size"]["compacted"] = measure.part("keep", "size", store)
        told["ask, compacted"] = ask(measure, store, args.runs)
        Path(args.json).write_text(json.dumps(told, indent=1) + "\n")
    show(told)


if __name__ == "__main__":
    main()
