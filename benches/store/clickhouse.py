"""ClickHouse's engine, in the process of its Python package: loads a data set or answers queries, and tells the cost.

Run by the interpreter of the environment that has the package: clickhouse.py load|query DIRECTORY, JSON on stdin."""

import json
import resource
import sys
import time

from feed import Data, repeat

COLUMNS = (
    "series UInt32, target String, probe String, slot Int64, start Int64, outcome UInt8, reason UInt8, status UInt16, "
    "resolve UInt32, connect UInt32, tls UInt32, processing UInt32, transfer UInt32, detail String"
)

# `took` is the sum of the phases and costs nothing to keep out.
TABLES = """
CREATE DATABASE bench;
CREATE TABLE bench.results (
    series UInt32 CODEC(ZSTD(9)), ts DateTime64(3, 'UTC') CODEC(Delta, T64('bit'), ZSTD(9)),
    outcome UInt8 CODEC(ZSTD(9)), reason UInt8 CODEC(ZSTD(9)), status UInt16 CODEC(ZSTD(9)),
    resolve UInt32 CODEC(T64('bit'), ZSTD(9)), connect UInt32 CODEC(T64('bit'), ZSTD(9)),
    tls UInt32 CODEC(T64('bit'), ZSTD(9)), processing UInt32 CODEC(T64('bit'), ZSTD(9)),
    transfer UInt32 CODEC(T64('bit'), ZSTD(9)), detail LowCardinality(String) CODEC(ZSTD(9)),
    took UInt32 ALIAS toUInt32(resolve + connect + tls + processing + transfer)
) ENGINE = MergeTree PARTITION BY toYYYYMM(ts) ORDER BY (series, ts);
CREATE TABLE bench.daily (
    series UInt32, day Date, results SimpleAggregateFunction(sum, UInt64), good SimpleAggregateFunction(sum, UInt64),
    took AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), UInt32)
) ENGINE = AggregatingMergeTree ORDER BY (series, day);
CREATE MATERIALIZED VIEW bench.to_daily TO bench.daily AS
    SELECT series, toDate(ts) AS day, count() AS results, countIf(outcome = 0) AS good,
        quantilesDDStateIf(0.01, 0.5, 0.95, 0.99)(
            toUInt32(resolve + connect + tls + processing + transfer), outcome = 0) AS took
    FROM bench.results GROUP BY series, day
"""


def spent():
    """CPU seconds of this process, user and system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def load(session, data):
    """Creates the tables, loads the file, merges the parts: CPU seconds of both, bytes of each table."""
    for statement in TABLES.split(";"):
        session.query(statement)
    before = spent()
    session.query(f"INSERT INTO bench.results SELECT series, fromUnixTimestamp64Milli(start), outcome, reason, status, "
                  f"resolve, connect, tls, processing, transfer, detail FROM file('{data.path}', 'TSV', '{COLUMNS}')")
    loaded = spent()
    for table in ("results", "daily"):
        session.query(f"OPTIMIZE TABLE bench.{table} FINAL")
    merged = spent()
    time.sleep(1)
    parts = answer(session, "SELECT table, sum(bytes_on_disk), sum(rows), count() FROM system.parts "
                            "WHERE active AND database = 'bench' GROUP BY table")
    return {"load_cpu": loaded - before, "settle_cpu": merged - loaded, "parts": parts}


def query(session, data):
    """The three questions, on all results and on the daily sums."""
    window = f"ts >= fromUnixTimestamp64Milli({data.window[0]}) AND ts < fromUnixTimestamp64Milli({data.window[1]})"
    questions = {
        "availability": ("SELECT series, countIf(outcome = 0) / count() FROM bench.results GROUP BY series", 9, len),
        "quantiles": ("SELECT series, quantilesExact(0.5, 0.95, 0.99)(took) FROM bench.results WHERE outcome = 0 "
                      "GROUP BY series ORDER BY series", 9, first),
        "failures": (f"SELECT series, ts, outcome, reason, status, detail FROM bench.results WHERE {window} "
                     "AND outcome != 0", 25, len),
        "availability, daily": ("SELECT series, sum(good) / sum(results) FROM bench.daily GROUP BY series", 25, len),
        "quantiles, daily": ("SELECT series, quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(took) FROM bench.daily "
                             "GROUP BY series ORDER BY series", 25, first),
    }
    told = {}
    for name, (sql, runs, take) in questions.items():
        found, wall, busy = repeat(lambda sql=sql: answer(session, sql), spent, runs)
        told[name] = {"wall_ms": wall, "cpu_ms": busy, "found": take(found)}
    return {"queries": told}


def answer(session, sql):
    """The rows of an answer."""
    return json.loads(session.query(sql, "JSONCompact").bytes())["data"]


def first(found):
    """Quantiles of the first series in milliseconds."""
    return [us / 1000 for us in found[0][1]]


def main():
    from chdb import session as chdb_session  # There only in the environment that this script is run in.

    what, directory = sys.argv[1:]
    given = json.load(sys.stdin)
    data = Data(given["path"], given["results"], given["begin"], given["end"], given["window"])
    session = chdb_session.Session(directory)
    told = {"load": load, "query": query}[what](session, data)
    told["version"] = session.query("SELECT version()").bytes().decode().strip().strip('"')
    told["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    session.close()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
