"""Judges objectives again, slot by slot, with nothing in common with the program, and compares every number.

    naive.py DIRECTORY

reads exported.ndjson, authprobe.yaml (JSON), window.json and report.json; ends with 1 and says what differs.
"""

import json
import math
import sys
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
BURN = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21600, "1d": 86400, "3d": 259200}


def moment(text):
    """Milliseconds since 1970."""
    return round((datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH) / timedelta(milliseconds=1))


def duration(text):
    """Milliseconds."""
    unit = text.lstrip("0123456789")
    return round(float(text[: len(text) - len(unit)]) * UNITS[unit] * 1000)


def calendar(period, until):
    """First moment of the calendar period that holds the last moment before `until`, and the first one behind it."""
    zone = ZoneInfo(period["timezone"])
    day = (EPOCH + timedelta(milliseconds=until - 1)).astimezone(zone).date()
    match period["calendar"]:
        case "day":
            first, behind = day, day + timedelta(days=1)
        case "week":
            first = day - timedelta(days=day.weekday())
            behind = first + timedelta(days=7)
        case "month":
            first = day.replace(day=1)
            behind = (first + timedelta(days=31)).replace(day=1)
        case "quarter":
            first = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
            behind = (first + timedelta(days=95)).replace(day=1)
        case "year":
            first, behind = day.replace(month=1, day=1), day.replace(year=day.year + 1, month=1, day=1)
    start = lambda date: round((datetime(date.year, date.month, date.day, tzinfo=zone) - EPOCH) / timedelta(milliseconds=1))
    return start(first), start(behind)


def slots(results, configured, horizon):
    """Every planned start of one series: (time, result or None)."""
    found = []
    for result, later in zip(results, results[1:] + [None]):
        found.append((result["at"], result))
        every = result.get("every_s")
        if later is not None and "every_s" in later:
            every = max(every or 0, later["every_s"])
        every = round((every or configured) * 1000)
        # A start may be late by half an interval.
        end = later["at"] - every / 2 if later else horizon
        missing = []
        at = result["at"] + every
        while at < end or (later is None and at == horizon):
            missing.append(at)
            at += every
        if later and missing:
            # They are spread evenly, so that the beat meets the later result.
            step = (later["at"] - result["at"]) / (len(missing) + 1)
            missing = [result["at"] + step * number for number in range(1, len(missing) + 1)]
        found += [(at, None) for at in missing]
    return found


def classify(slot, latency):
    at, result = slot
    if result is None or result["outcome"] == "skipped":
        return "no_data"
    if result["outcome"] == "success":
        return "bad" if latency and result["took_us"] > latency * 1000 else "good"
    return {"failure": "bad", "invalid": "invalid"}[result["outcome"]]


def share(part, whole):
    return part / whole if whole > 0 else None


def effective(slo, counts):
    missing = slo["missing"]
    good = counts["good"] + (counts["no_data"] if missing == "good" else 0)
    return good, counts["bad"] + (counts["no_data"] if missing == "bad" else 0)


def count(events):
    counts = dict.fromkeys(["good", "bad", "no_data", "invalid"], 0)
    for event in events:
        counts[event] += 1
    return counts


def expected(counts):
    return sum(counts[word] for word in ("good", "bad", "no_data", "invalid"))


def sli(slo, counts):
    good, bad = effective(slo, counts)
    return share(good, good + bad)


def bounds(counts):
    unseen = counts["no_data"] + counts["invalid"]
    return share(counts["good"], expected(counts)), share(counts["good"] + unseen, expected(counts))


def wilson(part, whole):
    z, p = 1.959963984540054, part / whole
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z / (1 + z * z / whole) * math.sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole))
    return [max(0.0, middle - half), min(1.0, middle + half)]


def mean(values):
    values = [value for value in values if value is not None]
    return share(sum(values), len(values))


def judged_slices(slo, slots, corrected):
    """Counts of each slice of what is in no correction, and how much is in one."""
    length = duration(slo["slice"])
    slices = defaultdict(lambda: ([], 0))
    for at, event in slots:
        events, excluded = slices[at // length]
        slices[at // length] = (events, excluded + 1) if corrected(at) else (events + [event], excluded)
    return [count(events) for events, _ in slices.values()]


def verdict(slo, counts):
    if counts["good"] + counts["bad"] > 0:
        return "good" if sli(slo, counts) >= slo.get("slice_target", 1.0) else "bad"
    return "no_data" if counts["no_data"] else "invalid" if counts["invalid"] else "excluded"


def sums(slo, events, corrected):
    """Counts, SLI, bounds, raw SLI, allowance and the share of it that is used."""
    tolerance = 1 - slo["objective"] / 100
    inside = [event for at, event in events if not corrected(at)]
    counts = {**count(inside), "excluded": len(events) - len(inside)}
    raw_counts = count(event for _, event in events)
    if slo.get("method", "occurrences") == "occurrences":
        allowed = tolerance * expected(counts)
        return counts, sli(slo, counts), *bounds(counts), sli(slo, raw_counts), allowed, share(effective(slo, counts)[1], allowed)
    slices = judged_slices(slo, events, corrected)
    raw = judged_slices(slo, events, lambda at: False)
    if slo["method"] == "timeslices":
        words = [verdict(slo, one) for one in slices]
        counts = {word: words.count(word) for word in ("good", "bad", "no_data", "invalid", "excluded")}
        raw = {word: [verdict(slo, one) for one in raw].count(word) for word in counts}
        allowed = tolerance * len(slices)
        return counts, sli(slo, counts), *bounds(counts), sli(slo, raw), allowed, share(effective(slo, counts)[1], allowed)
    slices = [one for one in slices if expected(one)]
    ratios = [sli(slo, one) for one in slices]
    used = sum(1 - ratio for ratio in ratios if ratio is not None)
    low, high = (mean(bounds(one)[side] for one in slices) for side in (0, 1))
    return (counts, mean(ratios), low, high, mean(sli(slo, one) for one in raw), tolerance * expected(counts),
            share(used, tolerance * len(slices)))


def rounds(series, inside, latency, corrected):
    """Good and bad rounds of a target whose series are given: any of them good, all of them good."""
    every = min(one[2] for one in series)
    first = min(one[1][0][0] for one in series)
    seen = defaultdict(list)
    for _, planned, _ in series:
        own = planned[0][0]
        for slot in planned:
            event = classify(slot, latency)
            if event in ("good", "bad") and inside(slot[0]) and not corrected(slot[0]):
                seen[(slot[0] - own + every // 2) // every + (own - first + every // 2) // every].append(event)
    return {"any_good": (sum("good" in events for events in seen.values()), sum("good" not in events for events in seen.values())),
            "all_good": (sum("bad" not in events for events in seen.values()), sum("bad" in events for events in seen.values()))}


def main(directory):
    read = lambda name: directory.joinpath(name).read_text()
    config, window, report = (json.loads(read(name)) for name in ("authprobe.yaml", "window.json", "report.json"))
    configured = duration(config["targets"][0]["every"]) / 1000
    by_series = defaultdict(list)
    for line in read("exported.ndjson").splitlines():
        record = json.loads(line)
        record["at"] = moment(record["time"])
        by_series[(record["target"], record["probe"], record["agent"])].append(record)
    corrections = [(moment(one["from"]), moment(one["until"])) for one in config["corrections"]]
    corrected = lambda at: any(start <= at < end for start, end in corrections)
    newest = max(results[-1]["at"] for results in by_series.values())
    every_of = lambda results: round((results[-1].get("every_s") or configured) * 1000)
    watermark = max(newest + every_of(results) for results in by_series.values() if results[-1]["at"] == newest)
    asked = [moment(text) for text in window[1::2]]
    horizon = max(newest, asked[1]) if asked else newest
    planned = {key: slots(results, configured, horizon) for key, results in by_series.items()}
    regular = len({one.get("every_s") for results in by_series.values() for one in results}) == 1

    wrong = []

    def same(where, got, want, slack=1e-9):
        numbers = isinstance(got, (int, float)) and isinstance(want, (int, float))
        if not (abs(got - want) <= slack * max(1.0, abs(want)) if numbers else got == want):
            wrong.append(f"{where}: the report says {got}, slot by slot it is {want}")

    same("watermark", moment(report["watermark"]), watermark)
    for slo, told in zip(config["slos"], report["slos"], strict=True):
        name = slo["name"]
        latency = duration(slo["latency"]) if "latency" in slo else None
        until = asked[1] if asked else watermark
        if isinstance(slo["window"], dict):
            first, behind = calendar(slo["window"], until)
            period = behind - first
        else:
            period = duration(slo["window"])
            first = until - period
        start = asked[0] if asked else first
        since = moment(slo["since"]) if "since" in slo else None
        start_whole = start
        if since is not None:
            start = min(max(start, since), until)
        everything = [(slot[0], classify(slot, latency), slot[1]) for own in planned.values() for slot in own]
        between = lambda low, high: [(at, event) for at, event, _ in everything if low <= at < high]
        counts, value, low, high, raw, allowed, used = sums(slo, between(start, until), corrected)
        same(f"{name}.window", [moment(told["window"][edge]) for edge in ("from", "until")], [start, until])
        for word, number in counts.items():
            same(f"{name}.{word}", told[word], number)
        same(f"{name}.expected", told["expected"], expected(counts))
        for field, number in {"sli": value, "sli_low": low, "sli_high": high, "sli_raw": raw}.items():
            same(f"{name}.{field}", told[field], number)
        coverage = share(counts["good"] + counts["bad"], expected(counts))
        same(f"{name}.coverage", told["coverage"], coverage)
        target = slo["objective"] / 100
        covered = value is not None and coverage is not None and coverage >= slo.get("min_coverage", 0.9)
        same(f"{name}.status", told["status"], ("met" if value >= target - 1e-12 else "missed") if covered else "no_data")
        same(f"{name}.partial_window", told["partial_window"],
             min(own[0][0] for own in planned.values()) > start_whole or start > start_whole)

        good, bad = effective(slo, counts)
        few = 0 < good + bad < 10_000 and slo.get("method") != "ratio_timeslices"
        for side, (got, want) in enumerate(zip(told["wilson95"] or [None] * 2, wilson(good, good + bad) if few else [None] * 2)):
            same(f"{name}.wilson95[{side}]", got, want)
        budget = told["budget"]
        same(f"{name}.budget.events", budget["events"], allowed)
        same(f"{name}.budget.consumed", budget["consumed"], used)
        same(f"{name}.budget.remaining", budget["remaining"], None if used is None else 1 - used)
        same(f"{name}.budget.minutes", budget["minutes"], (1 - target) * period / 60_000)
        paces = {}
        for word, seconds in BURN.items():
            back = max(until - seconds * 1000, min(since, until) if since is not None else 0)
            last = count(event for at, event in between(back, until) if not corrected(at))
            good, bad = effective(slo, last)
            paces[word] = share(bad, (good + bad) * (1 - target))
            same(f"{name}.burn.{word}", told["burn"][word], paces[word])
        left = None
        if used is not None and 1 - used <= 1e-12:
            left = 0
        elif used is not None and paces["1d"]:
            left = (1 - used) * period / 1000 / paces["1d"]
        same(f"{name}.budget.time_to_exhaust_s", budget["time_to_exhaust_s"], left, slack=0.51 if left else 1e-9)

        inside = lambda at: start <= at < until and not corrected(at)
        reasons, took, probes = defaultdict(int), [], defaultdict(list)
        for (target_name, probe, _), own in planned.items():
            for slot in own:
                if slot[1] is None or not inside(slot[0]):
                    continue
                if slot[1]["outcome"] == "success":
                    took.append(slot[1]["took_us"])
                    probes[f"{target_name}/{probe}"].append(slot[1]["took_us"])
                    if classify(slot, latency) == "bad":
                        reasons["slow"] += 1
                else:
                    reasons[slot[1].get("reason") or "unknown"] += 1
        same(f"{name}.by_reason", told["by_reason"], dict(reasons))
        events = [event for at, event in between(start, until) if inside(at)]
        same(f"{name}.by_cause", sum(told["by_cause"].values()), events.count("bad"))
        for where, got, durations in [("latency_us", told["latency_us"], took)] + [
                (f"latency_by_probe.{path}", own, probes[path]) for path, own in told["latency_by_probe"].items()]:
            durations = sorted(durations)
            same(f"{name}.{where}.count", got["count"], len(durations))
            for rank in (50, 90, 95, 99):
                # In whole numbers: 0.95 times a count is not always what it looks like.
                place = (len(durations) * rank + 99) // 100 - 1
                same(f"{name}.{where}.p{rank}", got[f"p{rank}"], durations[place] if durations else None, slack=0.011)
        denied = [event for key, own in planned.items() if by_series[key][0].get("expect") == "deny"
                  for event in [classify(slot, latency) for slot in own if inside(slot[0])]]
        has = any(results[0].get("expect") == "deny" for results in by_series.values())
        same(f"{name}.negative_checks", told["negative_checks"],
             {"good": denied.count("good"), "bad": denied.count("bad")} if has else None)

        if len(planned) < 2:
            same(f"{name}.views", told["views"], None)
        elif regular:
            series = [(key, own, every_of(by_series[key])) for key, own in planned.items()]
            for word, (good, bad) in rounds(series, lambda at: start <= at < until, latency, corrected).items():
                for field, number in {"good": good, "bad": bad, "sli": share(good, good + bad)}.items():
                    same(f"{name}.views.{word}.{field}", told["views"][word][field], number)

        length = until - start
        previous_start = start - length if since is None else min(max(start - length, since), start)
        previous_counts, previous, *_ = sums(slo, between(previous_start, start), corrected)
        if value is None or previous is None:
            same(f"{name}.compare", told["compare"], None)
        else:
            now_n, then_n = (sum(effective(slo, one)) for one in (counts, previous_counts))
            (low_now, high_now), (low_then, high_then) = wilson(value * now_n, now_n), wilson(previous * then_n, then_n)
            difference = value - previous
            same(f"{name}.compare.sli", told["compare"]["sli"], previous)
            same(f"{name}.compare.difference", told["compare"]["difference"], difference)
            down, up = math.hypot(value - low_now, high_then - previous), math.hypot(high_now - value, previous - low_then)
            same(f"{name}.compare.difference95[0]", told["compare"]["difference95"][0], difference - down)
            same(f"{name}.compare.difference95[1]", told["compare"]["difference95"][1], difference + up)
    if wrong:
        sys.exit("\n".join(wrong))


main(Path(sys.argv[1]))
