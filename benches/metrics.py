#!/usr/bin/env python3
"""What a scrape costs: bytes, time and CPU of /metrics with many series, and how late probes start meanwhile."""

import argparse
import re
import sys
import time
import urllib.request

from kit import Children, authprobe, cpu, directory, load, memory, must_live, nginx, say, spread, table

OPEN = "application/openmetrics-text;version=1.0.0"


def configure(place, args, port):
    """Targets with so many probes each, which nginx refuses as they expect."""
    probes = ", ".join(f"{{name: p{one}, request: GET /p{one}, expect: deny, as: anonymous}}" for one in range(args.probes))
    lines = ["store: authprobe.db", "listen: 127.0.0.1:0", "targets:"]
    for index in range(args.targets):
        url = f"http://127.{10 + index // 62500}.{index // 250 % 250}.{1 + index % 250}:{port}"
        lines.append(f"  - {{name: t{index:06}, url: \"{url}\", every: {args.every}s, probes: {{permission: [{probes}]}}}}")
    lines += ["slos:", "  - {name: all, probes: [\"*/*\"], objective: 99.9, window: 1d}"]
    (place / "authprobe.yaml").write_text("\n".join(lines) + "\n")
    return place / "authprobe.yaml"


def scrape(url, accept):
    """One scrape: its text and how long it took."""
    begun = time.monotonic()
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=30) as answer:
        text = answer.read()
    return text, time.monotonic() - begun


def lateness(text):
    """Counts of the histogram of lateness by upper bound."""
    rows = re.findall(rb'authprobe_schedule_lateness_seconds_bucket\{le="([^"]+)"\} (\d+)', text)
    return {float(bound): int(count) for bound, count in rows}


def late(before, after, share):
    """Upper bound of the bucket that holds a share of the starts between two scrapes, in milliseconds."""
    counts = {bound: after[bound] - before[bound] for bound in after}
    total = max(counts.values())
    return next((bound * 1000 for bound, count in sorted(counts.items()) if total and count >= share * total), 0)


def phase(daemon, args, url, accept):
    """Runs for a while, with scrapes or without: CPU per second, and what the scrapes were."""
    first, _ = scrape(url, OPEN)
    begun, spent = time.monotonic(), cpu(daemon)
    sizes, times = [], []
    while time.monotonic() < begun + args.seconds:
        if accept:
            text, took = scrape(url, accept)
            sizes.append(len(text))
            times.append(took * 1000)
        time.sleep(args.pause)
    took, spent = time.monotonic() - begun, cpu(daemon) - spent
    last, _ = scrape(url, OPEN)
    bounds = [late(lateness(first), lateness(last), share) for share in (0.5, 0.99)]
    return {"took": took, "cpu": spent, "sizes": sizes, "times": times, "late": bounds}


def main():
    """Runs the daemon, and compares a stretch without scrapes with stretches with them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--probes", type=int, default=5)
    parser.add_argument("--every", type=int, default=60, help="interval of each target, in seconds")
    parser.add_argument("--seconds", type=float, default=60, help="length of each stretch")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two scrapes")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    with directory(args.keep) as place, Children() as children:
        port, _ = nginx(children, place)
        log = place / "authprobe.log"
        daemon = children.start(authprobe(), "run", "-c", configure(place, args, port), log=log)
        while not (found := re.search(r"listening on (\S+)", log.read_text())):
            time.sleep(0.1)
            must_live(daemon)
        url = found[1] + "/metrics"
        series = args.targets * args.probes
        while scrape(url, OPEN)[0].count(b"\nprobe_success{") < series:
            time.sleep(1)
            must_live(daemon)
        say(f"every one of {series} probes has a result")
        rows = []
        idle = phase(daemon, args, url, None)
        for name, accept in (("none", None), ("OpenMetrics", OPEN), ("text", "text/plain")):
            run = idle if accept is None else phase(daemon, args, url, accept)
            count = len(run["times"])
            own = (run["cpu"] / run["took"] - idle["cpu"] / idle["took"]) * run["took"] / count * 1000 if count else 0
            rows.append([
                name, count, f"{max(run['sizes'], default=0) / 2**20:.2f}",
                spread(run["times"], 0) if count else "", f"{own:.0f}" if count else "",
                " / ".join(f"{bound:.2f}" for bound in run["late"]), f"{load():.1f}",
            ])
        now, peak = memory(daemon)
        must_live(daemon)
        print(f"{args.targets} targets x {args.probes} probes every {args.every} s, a scrape each {args.pause} s and its own time; "
              f"memory {now:.0f} MiB, at most {peak:.0f}\n")
        table(["scrapes", "count", "MiB", "ms, min / median / max", "CPU ms each", "late p50 / p99 ≤ ms", "load"], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
