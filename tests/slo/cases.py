"""Writes a case for objectives, drawn by a seed: records as they would arrive, and the configuration to judge them by.

    cases.py SEED DIRECTORY

leaves records.ndjson, authprobe.yaml (which is JSON as well) and window.json (the arguments that choose a window).
"""

import json
import random
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

# Moments around which something is special: ends of months, of a leap February, of a year, and clock changes.
ENDS = [
    ("2026-03-01T00:00:00", "Europe/Paris"),
    ("2024-03-01T00:00:00", "UTC"),
    ("2026-01-01T00:00:00", "Asia/Kolkata"),
    ("2026-03-29T18:00:00", "Europe/Paris"),
    ("2025-11-02T20:00:00", "America/New_York"),
    ("2026-10-25T22:59:00", "Europe/Paris"),
    ("2025-10-31T23:00:00", "Europe/Paris"),
    ("2026-04-05T13:30:00", "Australia/Lord_Howe"),
]
REASONS = ["timeout", "token_rejected", "signature_invalid", "server_error"]
PROBES = [("login", "login", "allow", "valid"), ("jwt", "jwt", "allow", "fresh"),
          ("jwt-tampered", "jwt", "deny", "tampered"), ("api_key", "api_key", "allow", "valid")]


def text(moment):
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def main(seed, directory):
    draw = random.Random(seed)
    chance = lambda share: draw.random() < share
    end, zone = ENDS[seed % len(ENDS)]
    end = datetime.fromisoformat(end).replace(tzinfo=timezone.utc) + timedelta(minutes=draw.choice([0, 0, 7, 500]))
    configured = 60
    bare = chance(0.2)
    changed = not bare and chance(0.35)
    length = timedelta(hours=draw.choice([3, 20, 50]))
    begin = end - length
    share_bad = draw.choice([0.0, 0.002, 0.05, 0.3, 1.0])
    share_else = draw.choice([0.0, 0.0, 0.05, 1.0 if chance(0.1) else 0.2])
    agents = ["local", "paris"] if chance(0.4) else ["local"]
    holes = [(begin + length * draw.random(), timedelta(minutes=draw.choice([3, 40, 400]))) for _ in range(draw.randrange(3))]

    records = []
    for probe, kind, expect, variant in draw.sample(PROBES, draw.choice([1, 2, 4])):
        for agent in agents:
            every = configured if bare else draw.choice([30, 60, 120])
            at = begin + timedelta(seconds=every * draw.randrange(5), milliseconds=250)
            switch = begin + length * draw.random() if changed and chance(0.6) else None
            stops = begin + length * draw.uniform(0.5, 1.0) if chance(0.2) else end
            while at < stops:
                if switch and at >= switch:
                    every, switch = draw.choice([30, 60, 120]), None
                late = timedelta(milliseconds=draw.randrange(100))
                roll = draw.random()
                outcome, reason = "success", None
                if roll < share_bad:
                    outcome, reason = "failure", draw.choice(REASONS)
                elif roll < share_bad + share_else:
                    outcome, reason = draw.choice([("skipped", "no_token"), ("invalid", "prober_network")])
                record = {"type": "result", "time": text(at + late), "target": "api", "probe": probe, "kind": kind,
                          "expect": expect, "variant": variant, "agent": agent, "outcome": outcome,
                          "took_us": int(draw.lognormvariate(10, 1))}
                if reason:
                    record["reason"] = reason
                if not bare:
                    record["every_s"] = every
                if not any(hole <= at < hole + width for hole, width in holes):
                    records.append(record)
                at += timedelta(seconds=every)
    records += draw.sample(records, len(records) // 20)
    draw.shuffle(records)

    corrections = []
    for number in range(draw.choice([0, 1, 3])):
        start = (begin + length * draw.random()).replace(microsecond=0)
        width = timedelta(minutes=draw.choice([5, 60, 300]))
        corrections.append({"from": text(start), "until": text(start + width), "category": "maintenance",
                            "reason": f"number {number}", "created_at": text(start - timedelta(hours=1) * draw.choice([1, -1]))})
    missing = lambda: draw.choice(["exclude", "exclude", "bad", "good"])
    slos = [
        {"name": "rolling", "probes": ["api/*"], "objective": draw.choice([99.9, 99.0, 50.0]),
         "window": draw.choice(["28d", "7d", "6h"]), "latency": "60ms", "missing": missing()},
        {"name": "calendar", "probes": ["api/*"], "objective": 99.5, "missing": missing(), "min_coverage": 0.5,
         "window": {"calendar": draw.choice(["day", "week", "month", "quarter", "year"]), "timezone": zone}},
        {"name": "slices", "probes": ["*/*"], "objective": 95.0, "window": "2d", "method": "timeslices",
         "slice": draw.choice(["2m", "5m", "7m"]), "slice_target": draw.choice([1.0, 0.9, 0.5]), "missing": missing()},
        {"name": "ratios", "probes": ["api/*"], "objective": 95.0, "window": "1d", "method": "ratio_timeslices",
         "slice": draw.choice(["2m", "10m"]), "missing": missing()},
    ]
    if chance(0.3):
        slos[0]["since"] = text((begin + length * draw.random()).replace(microsecond=0))
    config = {
        "targets": [{"name": "api", "url": "https://api.example.com", "every": f"{configured}s", "probes": {
            "login": {"path": "/login", "username": {"env": "PATH"}, "password": {"env": "PATH"}, "token": "/token"},
            "jwt": {"request": "GET /me", "deny": ["tampered"]},
            "api_key": {"header": "X-API-Key", "key": {"env": "PATH"}, "request": "GET /me"}}}],
        "slos": slos, "corrections": corrections}
    window = []
    if chance(0.4):
        start = (begin + length * draw.uniform(-0.3, 0.8)).replace(microsecond=0)
        window = ["--from", text(start), "--until", text(start + timedelta(seconds=draw.randrange(1, 90_000)))]
    directory.joinpath("records.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
    directory.joinpath("authprobe.yaml").write_text(json.dumps(config))
    directory.joinpath("window.json").write_text(json.dumps(window))


main(int(sys.argv[1]), Path(sys.argv[2]))
