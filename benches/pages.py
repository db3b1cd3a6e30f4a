#!/usr/bin/env python3
"""What pages cost on a large store: how long each takes in each window, at once after the start and later; CPU and memory.

The store comes from `benches/judging.sh` (90 days of 1,000 series) and is copied, for the program writes to it. It ends in
the past: the program runs at that time, by Debian's `faketime`."""

import argparse
import contextlib
import datetime
import http.client
import re
import shutil
import statistics
import sys
import time
import urllib.parse
from pathlib import Path

from kit import Children, authprobe, cpu, directory, load, memory, must_live, say, table

# The data set of the example `measure` begins here.
BEGIN = datetime.datetime(2025, 9, 1, tzinfo=datetime.timezone.utc)
WINDOWS = ["1h", "6h", "24h", "7d", "30d", "90d"]
# A page, and what it is asked with besides its window.
PAGES = [
    ("/", {}),
    ("/target", {"target": "target-000"}),
    ("/incidents", {}),
    ("/slos", {}),
    ("/changes", {}),
    ("/results", {}),
    ("/results", {"outcome": "failure"}),
    ("/results", {"target": "target-000", "outcome": "invalid"}),
    ("/search", {"q": "target-00 deploy"}),
]
CONFIGURATION = """
store: {store}
listen: 127.0.0.1:0
targets:
  - name: target-000
    url: http://127.0.0.1:9
    every: 30s
    probes: {{ login: {{ path: /login, username: {{ env: USER }}, password: {{ env: USER }} }} }}
slos:
  - {{ name: logins, probes: ["*/login"], objective: 99.9, latency: 3s }}
  - {{ name: everything, probes: ["*/*"], objective: 99.5 }}
  - {{ name: slices, probes: ["*/*"], objective: 99.5, method: timeslices, slice: 5m, slice_target: 0.98 }}
  - {{ name: first, probes: ["target-000/*"], objective: 99.9 }}
"""


class Site:
    """The pages of a running program."""

    def __init__(self, child, port):
        self.child = child
        self.port = port
        self.asked = 0

    def spent(self):
        """CPU milliseconds of the threads that answer: those that judge, `kept` and `judge`, are others."""
        total = 0
        for task in Path(f"/proc/{self.child.pid}/task").iterdir():
            # A thread may end meanwhile.
            with contextlib.suppress(OSError):
                if not (task / "comm").read_text().startswith(("kept", "judge")):
                    total += int((task / "schedstat").read_text().split()[0])
        return total / 1e6

    def get(self, path, query):
        """Status, milliseconds (on the clock, of CPU) and text of an answer. No two questions are the same, so that no page is given twice."""
        self.asked += 1
        address = f"{path}?{urllib.parse.urlencode({**query, 'ask': self.asked})}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        begun, spent = time.monotonic(), self.spent()
        connection.request("GET", address)
        answer = connection.getresponse()
        text = answer.read().decode()
        took, spent = (time.monotonic() - begun) * 1000, self.spent() - spent
        connection.close()
        # As many as one address may ask.
        time.sleep(0.03)
        return answer.status, (took, spent), text


def start(children, place, args, now):
    """The program at the end of its store, when it answers: itself, and its pages."""
    (place / "authprobe.yaml").write_text(CONFIGURATION.format(store=place / "store.db"))
    log = place / "log"
    clock = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None) or sys.exit("faketime is not there: tests/install.sh")
    child = children.start(
        authprobe(), "run", "-c", place / "authprobe.yaml",
        log=log, env={
            "TZ": "UTC", "USER": "nobody", "LD_PRELOAD": clock, "FAKETIME": now.strftime("@%Y-%m-%d %H:%M:%S"),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        },
    )  # fmt: skip
    until = time.monotonic() + 60
    while time.monotonic() < until:
        must_live(child)
        found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", log.read_text())
        if found:
            site = Site(child, int(found[1]))
            while site.get("/readyz", {})[0] != 200:
                time.sleep(0.05)
            return child, site
        time.sleep(0.05)
    sys.exit("the program does not listen")


def questions(now):
    """Every page with every window, and with an odd one."""
    odd = {"from": (BEGIN + (now - BEGIN) / 3).isoformat()[:19] + "Z", "until": (now - (now - BEGIN) / 7).isoformat()[:19] + "Z"}
    for path, fields in PAGES:
        for window in WINDOWS:
            yield path, fields, window, {"last": window}
        yield path, fields, "odd", odd


def finish(site, path, query):
    """Asks as a browser does, until the page is whole: milliseconds of the first answer (clock, CPU), and of all of it."""
    begun = time.monotonic()
    status, first, text = site.get(path, query)
    while status == 202 and time.monotonic() < begun + 60:
        time.sleep(1)
        status, _, text = site.get(path, query)
    if status != 200:
        say(f"{path} {query}: {status}")
    return first, (time.monotonic() - begun) * 1000, text


def walk(site, now, rounds):
    """Asks everything so often: rows of first answers and whole ones, by page and window."""
    rows = {}
    for _ in range(rounds):
        for path, fields, window, query in questions(now):
            first, whole, _ = finish(site, path, {**fields, **query})
            rows.setdefault((path, tuple(fields.items()), window), []).append((first, whole))
    return rows


def incidents(site, count):
    """The newest incidents of the longest window: the questions of their pages."""
    *_, text = finish(site, "/incidents", {"last": WINDOWS[-1]})
    found = re.findall(r'href="/incident\?([^"]+)"', text)
    return [dict(urllib.parse.parse_qsl(one.replace("&amp;", "&"))) for one in found[:count]]


def tell(title, rows):
    """Prints a table: the median and the longest first answer on the clock, until the page is whole, the median of CPU."""
    print(f"{title}: median / longest first answer (whole page); CPU, in ms (load {load():.1f})\n")
    names = list(dict.fromkeys((path, fields) for path, fields, _ in rows))
    cells = []
    for path, fields in names:
        row = [path + ("?" + urllib.parse.urlencode(fields) if fields else "")]
        for window in [*WINDOWS, "odd"]:
            all_first = [first for (first, _), _ in rows[path, fields, window]]
            spent = [spent for (_, spent), _ in rows[path, fields, window]]
            whole = max(whole for _, whole in rows[path, fields, window])
            later = f" ({whole / 1000:.1f} s)" if whole > max(all_first) + 500 else ""
            row.append(f"{statistics.median(all_first):.0f} / {max(all_first):.0f}{later}; {statistics.median(spent):.0f}")
        cells.append(row)
    table(["page", *WINDOWS, "odd"], cells)


def main():
    """The whole measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", help="a store made by benches/judging.sh")
    parser.add_argument("--days", type=int, default=90, help="how many days it has")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is asked")
    parser.add_argument("--rest", type=int, default=60, help="seconds between the start and the later questions")
    parser.add_argument("--keep", action="store_true", help="keep the directory")
    args = parser.parse_args()
    now = BEGIN + datetime.timedelta(days=args.days, seconds=5)
    with directory(args.keep) as place, Children() as children:
        shutil.copyfile(args.store, place / "store.db")
        # What the system has dropped of the file meanwhile is no cost of the pages.
        with open(place / "store.db", "rb") as file:
            while file.read(1 << 24):
                pass
        begun = time.monotonic()
        child, site = start(children, place, args, now)
        say(f"it answers after {time.monotonic() - begun:.1f} s")
        tell("At once after the start", walk(site, now, 1))
        say(f"{cpu(child):.1f} CPU-s, now {memory(child)[0]:.0f} MiB, at most {memory(child)[1]:.0f} MiB")
        time.sleep(args.rest)
        tell("Later", walk(site, now, args.rounds))
        pages = incidents(site, 20)
        times = [finish(site, "/incident", page) for page in pages]
        again = [finish(site, "/incident", page) for page in pages]
        for name, taken in (("opened first", times), ("opened again", again)):
            first, whole = [one[0][0] for one in taken], [one[1] for one in taken]
            spent = statistics.median(one[0][1] for one in taken)
            print(f"{len(taken)} incidents {name}: median {statistics.median(first):.0f} ms, longest {max(first):.0f} ms, CPU {spent:.0f} ms;"
                  f" whole after {statistics.median(whole) / 1000:.1f} s, at most {max(whole) / 1000:.1f} s")  # fmt: skip
        rest, spent = time.monotonic(), cpu(child)
        time.sleep(args.rest)
        idle = (cpu(child) - spent) / (time.monotonic() - rest)
        must_live(child)
        now_mib, most = memory(child)
        print(f"nobody asks: {idle:.3f} cores; memory {now_mib:.0f} MiB now, {most:.0f} MiB at most; load {load():.1f}")


if __name__ == "__main__":
    main()
