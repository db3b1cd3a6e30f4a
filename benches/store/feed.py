"""What the peers share: rows of the data set, requests on loopback, CPU of queries, bytes on the disk."""

import http.client
import itertools
import json
import os
import sys
import time
import urllib.parse
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kit import cpu, must_live, say  # noqa: E402  (found by the line above)

PHASES = ("resolve", "connect", "tls", "processing", "transfer")
# Name and phase of the eight series.
NAMES = (("probe_success", ""), ("probe_duration_seconds", ""), ("probe_http_status_code", ""),
         *(("probe_http_duration_seconds", phase) for phase in PHASES))
HOUR = 3_600_000
DAY = 24 * HOUR


class Row(NamedTuple):
    """A result as the example `dataset` writes it. Times in milliseconds, durations in microseconds."""

    series: int
    target: str
    probe: str
    slot: int
    start: int
    outcome: int
    reason: int
    status: int
    phases: tuple
    detail: str


class Data(NamedTuple):
    """The data set: its file, size and moments."""

    path: Path
    results: int
    begin: int
    end: int
    window: tuple


def rows(path, until=None):
    """The rows of the file, in the order of time; those whose slot is before `until`."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            field = line.rstrip("\n").split("\t")
            slot = int(field[3])
            if until is not None and slot >= until:
                return
            yield Row(int(field[0]), field[1], field[2], slot, int(field[4]), int(field[5]), int(field[6]),
                      int(field[7]), tuple(map(int, field[8:13])), field[13])


def stretches(path, length, until=None):
    """Lists of the rows of `length` milliseconds each. Starts are in order, slots are so but for neighbours."""
    waiting = {}
    for row in rows(path, until):
        waiting.setdefault(row.slot // length, []).append(row)
        # A run lasts no longer than a slot, so what ended three slots ago is complete. A dict keeps its order.
        oldest = next(iter(waiting))
        if row.slot >= (oldest + 1) * length + 90_000:
            yield waiting.pop(oldest)
    yield from waiting.values()


def values(row):
    """What stands in the eight series that hold a result where a store keeps numbers only; see NAMES."""
    seconds = [us / 1e6 for us in row.phases]
    return (0 if row.outcome else 1, sum(row.phases) / 1e6, row.status, *seconds)


class Http:
    """One kept connection to a server on loopback."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def ask(self, path, body=None, headers=None, **query):
        """The body of the answer; the end when it is none of success."""
        path += "?" + urllib.parse.urlencode(query) if query else ""
        self.connection.request("GET" if body is None else "POST", path, body, headers or {})
        answer = self.connection.getresponse()
        said = answer.read()
        if answer.status >= 300:
            sys.exit(f"{path[:80]}: {answer.status} {said[:300]}")
        return said

    def status(self, path):
        """The status of an answer, whatever it is."""
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status

    def data(self, path, **query):
        """The `data.result` of an answer in Prometheus' form."""
        return json.loads(self.ask(path, **query))["data"]["result"]


def threads_cpu(child):
    """CPU seconds of the threads of a process, to the nanosecond."""
    total = 0
    for task in Path(f"/proc/{child.pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total / 1e9


def repeat(query, spent, runs, seconds=90):
    """Runs a query up to `runs` times, at least twice, no longer than about `seconds`: the answer of the last one and,
    in milliseconds, the wall and CPU time of each."""
    wall, busy, begun, answer = [], [], time.monotonic(), None
    for run in range(runs):
        if run >= 2 and time.monotonic() - begun > seconds:
            break
        before, at = spent(), time.perf_counter()
        answer = query()
        wall.append((time.perf_counter() - at) * 1000)
        busy.append((spent() - before) * 1000)
    return answer, wall, busy


def idle(child, least=0.0, most=300.0):
    """Waits until a server has done nothing for some seconds, at least and at most so long."""
    begun, quiet = time.monotonic(), 0
    while time.monotonic() - begun < most:
        must_live(child)
        before = cpu(child)
        time.sleep(2)
        quiet = quiet + 1 if cpu(child) - before <= 0.04 else 0
        if quiet >= 3 and time.monotonic() - begun >= least:
            return
    say(f"{Path(child.args[0]).name} is still busy after {most:.0f} s")


def disk(place):
    """Bytes that the files below a place take on the disk, in whole blocks."""
    files = itertools.chain.from_iterable(
        (os.path.join(root, name) for name in names) for root, _, names in os.walk(place)
    )
    return sum(os.stat(file).st_blocks * 512 for file in files)
