#!/usr/bin/env python3
"""Start times against the plan, with black holes among the targets: how late, how even, and whether every slot is told."""

import argparse
import collections
import re
import selectors
import socket
import sys
import threading
import time

from kit import (Children, authprobe, configuration, cpu, directory, end, load, memory, must_live, nginx, results, say,
                 seconds, spread, table)

QUANTUM = 20  # milliseconds; src/schedule/grid.rs
MASK = (1 << 64) - 1


def xxh3_64(text):
    """XXH3-64 of four to eight bytes: https://github.com/Cyan4973/xxHash, XXH3_len_4to8_64b with seed 0."""
    data = text.encode()
    assert 4 <= len(data) <= 8, "the names of the targets have four to eight bytes"
    secret = bytes.fromhex("1cad21f72c81017c"), bytes.fromhex("db979083e96dd4de")
    flip = int.from_bytes(secret[0], "big") ^ int.from_bytes(secret[1], "big")
    head, tail = (int.from_bytes(part, "little") for part in (data[:4], data[-4:]))
    mixed = (tail + (head << 32)) ^ flip
    turn = lambda value, by: (value << by | value >> 64 - by) & MASK
    mixed ^= turn(mixed, 49) ^ turn(mixed, 24)
    mixed = mixed * 0x9FB21C651E98DF25 & MASK
    mixed ^= (mixed >> 35) + len(data)
    mixed = mixed * 0x9FB21C651E98DF25 & MASK
    return mixed ^ mixed >> 28


def phase(name, every):
    """Where in each interval a target's slots are, in milliseconds."""
    at = xxh3_64(name) % (every * 1000)
    return at - at % QUANTUM


class BlackHoles:
    """Two listeners on all of 127.0.0.0/8: one takes connections and stays silent, one takes none."""

    def __init__(self):
        self.silent, self.full = socket.socket(), socket.socket()
        self.silent.bind(("0.0.0.0", 0))
        self.silent.listen(4096)
        self.silent.setblocking(False)
        self.full.bind(("0.0.0.0", 0))
        self.full.listen(0)
        self.ports = [listener.getsockname()[1] for listener in (self.silent, self.full)]
        # What fills the queue of the second one, so that further connections hang.
        self.fillers = [self.filler() for _ in range(2)]
        threading.Thread(target=self.hold, daemon=True).start()

    def filler(self):
        """A connection that nobody takes."""
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", self.ports[1]))
        return filler

    def hold(self):
        """Takes connections, reads what comes, says nothing, and closes what the other side has closed."""
        chosen = selectors.DefaultSelector()
        chosen.register(self.silent, selectors.EVENT_READ)
        while True:
            for key, _ in chosen.select():
                if key.fileobj is self.silent:
                    connection, _ = self.silent.accept()
                    connection.setblocking(False)
                    chosen.register(connection, selectors.EVENT_READ)
                    continue
                try:
                    gone = not key.fileobj.recv(4096)
                except OSError:
                    gone = True
                if gone:
                    chosen.unregister(key.fileobj)
                    key.fileobj.close()


def plan(args, port, holes):
    """Names and URLs: each target has an address of its own, each tenth with the default share is a black hole."""
    targets, dead = [], set()
    for index in range(args.targets):
        name = f"t{index:06}"
        address = f"127.{10 + index // 62500}.{index // 250 % 250}.{1 + index % 250}" if not args.one_host else "127.0.0.1"
        hole = int((index + 1) * args.holes) > int(index * args.holes)
        if hole:
            dead.add(name)
        targets.append((name, f"http://{address}:{holes.ports[len(dead) % 2] if hole else port}"))
    return targets, dead


def once(args, place, children, config):
    """Runs the daemon for a while: what its log says, its CPU and memory."""
    log = place / f"authprobe-{time.time_ns()}.log"
    spawned = time.time()
    daemon = children.start(authprobe(), "run", "-c", config, log=log)
    loads = []
    while time.time() < spawned + args.seconds:
        time.sleep(min(5, max(0.0, spawned + args.seconds - time.time())))
        loads.append(load())
    must_live(daemon)
    spent, (_, peak), asked = cpu(daemon), memory(daemon), time.time()
    exit_code = end(daemon)
    lines = log.read_text().strip().splitlines()
    ready = next(seconds(line.split()[0]) for line in lines if " probing" in line)
    received = next(seconds(line.split()[0]) for line in lines if "SIGTERM received" in line)
    return {
        "spawned": spawned, "ready": ready, "stop": received, "ended": time.time() - asked, "exit": exit_code,
        "cpu": spent / (asked - spawned), "peak": peak, "load": sum(loads) / len(loads), "last": lines[-1],
    }


def account(run, phases, every, recorded):
    """Compares the records of one run of the daemon with the grid."""
    late, first, lost, twice, early = [], {}, 0, 0, 0
    words = collections.Counter()
    for name, offset in phases.items():
        planned = collections.Counter()
        for at, outcome in recorded[name]:
            slot = int((at * 1000 - offset) // (every * 1000))
            start = (slot * every * 1000 + offset) / 1000
            planned[slot] += 1
            words[outcome] += 1
            first[name] = min(at, first.get(name, at))
            if outcome != "skipped":
                late.append((at - start) * 1000)
        # A slot within a tenth of a second of the beginning or the end may fall on either side.
        begin = int((run["ready"] * 1000 + 100 - offset) // (every * 1000)) + 1
        close = int((run["stop"] * 1000 - 100 - offset) // (every * 1000))
        lost += sum(slot not in planned for slot in range(begin, close + 1))
        twice += sum(count - 1 for count in planned.values())
        early += sum(slot < begin - 1 or slot > close + 1 for slot in planned)
    late.sort()
    by_second = collections.Counter(int(at - run["ready"]) for at in first.values())
    whole = [by_second[second] for second in range(every)]
    observed = collections.defaultdict(lambda: every * 1000)
    for name in phases:
        for at, outcome in recorded[name]:
            if outcome != "skipped":
                observed[name] = min(observed[name], (at * 1000 - phases[name]) % (every * 1000))
    return {
        "late": late, "lost": lost, "twice": twice, "astray": early, "words": dict(words), "begun": len(first),
        "within": max(first.values()) - run["ready"], "burst": max(whole) / (sum(whole) / every), "observed": observed,
    }


def measure(args):
    """Starts the daemon twice on one store and accounts for every slot of both stretches."""
    with directory(args.keep) as place, Children() as children:
        port, _ = nginx(children, place)
        targets, dead = plan(args, port, args.black_holes)
        config = configuration(place, targets, args.every, timeout=f"{args.timeout}s")
        stretches = [once(args, place, children, config) for _ in range(1 + args.restart)]
        phases = {name: phase(name, args.every) for name, _ in targets}
        kept = [collections.defaultdict(list) for _ in stretches]
        wrong = 0
        for result in results(place / "authprobe.db"):
            which = sum(result["at"] >= stretch["spawned"] for stretch in stretches) - 1
            kept[which][result["target"]].append((result["at"], result["outcome"]))
            # A black hole that seems well or a target that seems ill would make the whole run worthless.
            wrong += result["outcome"] != "skipped" and (result["outcome"] == "success") == (result["target"] in dead)
        return [
            run | {"wrong": wrong, "holes": len(dead)} | account(run, phases, args.every, recorded)
            for run, recorded in zip(stretches, kept)
        ]


def own_account(line, word):
    """A lateness of the daemon's closing line, in milliseconds: upper bound of its bucket, so coarser than the store's."""
    number, unit = re.search(rf"{word}(?: ≤)? ([\d.]+)(µs|ms|s)\b", line).groups()
    return float(number) * {"µs": 0.001, "ms": 1, "s": 1000}[unit]


def quantile(ordered, share):
    """Nearest rank."""
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def main():
    """Repeats the run for each number of targets and prints a table for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, nargs="+", default=[1000, 5000, 10000])
    parser.add_argument("--every", type=int, default=10, help="interval of each target, in seconds")
    parser.add_argument("--timeout", type=int, default=2, help="limit of each probe, in seconds")
    parser.add_argument("--holes", type=float, default=0.1, help="share of the targets that never answer")
    parser.add_argument("--one-host", action="store_true", help="all targets on one address, black holes on two ports of it")
    parser.add_argument("--seconds", type=float, default=35, help="how long the daemon runs")
    parser.add_argument("--restart", action="store_true", help="start the daemon a second time on the same store")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="keep the directories of the runs")
    args = parser.parse_args()
    args.black_holes = BlackHoles()
    sizes, fine = args.targets, True
    for size in sizes:
        args.targets, runs, moved = size, [], []
        for number in range(args.runs):
            stretches = measure(args)
            for run in stretches:
                say(f"{size} targets, run {number + 1}: {run['words']}, {run['lost']} slots unrecorded, "
                    f"{run['twice']} recorded twice, {run['astray']} off the grid, {run['wrong']} wrong outcomes, exit {run['exit']}, "
                    f"stopped in {run['ended']:.1f} s, load {run['load']:.1f}")
                say(re.sub(r"^.*stopped: ", "its own account: ", run["last"]))
            if args.restart:
                before, after = (run["observed"] for run in stretches)
                moved.append(sum(abs(before[name] - after[name]) >= QUANTUM for name in before))
            runs += stretches
        fine &= not any(run["lost"] or run["twice"] or run["wrong"] or run["exit"] for run in runs)
        column = lambda value, digits=2: spread((value(run) for run in runs), digits)
        print(f"{size} targets every {args.every} s, {runs[0]['holes']} of them black holes (limit {args.timeout} s), "
              f"{len(runs)} runs of {args.seconds:.0f} s; load {column(lambda run: run['load'], 1)}\n")
        rows = [
            ["late, p50, ms, from the store", column(lambda run: quantile(run["late"], 0.5))],
            ["late, p99, ms, from the store", column(lambda run: quantile(run["late"], 0.99))],
            ["late, max, ms, from the store", column(lambda run: run["late"][-1])],
            ["late, p50, ms, the daemon's own count", column(lambda run: own_account(run["last"], "p50"))],
            ["late, p99, ms, the daemon's own count", column(lambda run: own_account(run["last"], "p99"))],
            ["late, max, ms, the daemon's own count", column(lambda run: own_account(run["last"], "max"))],
            ["started", column(lambda run: len(run["late"]), 0)],
            ["recorded as skipped", column(lambda run: run["words"].get("skipped", 0), 0)],
            ["slots without a record", column(lambda run: run["lost"], 0)],
            ["slots with two records", column(lambda run: run["twice"], 0)],
            ["ready after, s", column(lambda run: run["ready"] - run["spawned"])],
            ["targets begun", column(lambda run: run["begun"], 0)],
            ["all begun after, s", column(lambda run: run["within"])],
            ["largest second of the first interval ÷ mean", column(lambda run: run["burst"])],
            ["CPU of one core, %", column(lambda run: run["cpu"] * 100, 1)],
            ["highest RSS, MiB", column(lambda run: run["peak"], 1)],
        ]
        if moved:
            rows.append(["targets with another phase after a restart", spread(moved, 0)])
        table(["min / median / max", "figure"], rows)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
