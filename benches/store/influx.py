"""InfluxDB: eight numbers and, of failures, a reason and a text for each result, written as lines."""

import json
import time

from feed import Http, idle, rows, threads_cpu
from kit import free_port, must_live, need, wait_for

BATCH = 10_000


class InfluxDB:
    """One server in a directory of its own."""

    name = "InfluxDB"
    stored = "outcome, status, duration, 4 phases; of failures reason and detail"
    live_path = "lines"

    def __init__(self, children, place):
        self.children, self.place, self.server, self.http = children, place, None, None

    def start(self):
        port, inner = free_port(), free_port()
        self.server = self.children.start(
            need("influxd", "influxdb"), log=self.place / "log",
            env={
                "INFLUXDB_CONFIG_PATH": "/dev/null", "INFLUXDB_REPORTING_DISABLED": "true",
                "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{inner}", "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{port}",
                "INFLUXDB_META_DIR": f"{self.place}/data/meta", "INFLUXDB_DATA_DIR": f"{self.place}/data/data",
                "INFLUXDB_DATA_WAL_DIR": f"{self.place}/data/wal", "INFLUXDB_DATA_INDEX_VERSION": "tsi1",
                "INFLUXDB_DATA_QUERY_LOG_ENABLED": "false", "INFLUXDB_HTTP_LOG_ENABLED": "false",
                "INFLUXDB_MONITOR_STORE_ENABLED": "false",
                # By default a shard is compacted to the end when nothing was written for four hours.
                "INFLUXDB_DATA_CACHE_SNAPSHOT_WRITE_COLD_DURATION": "10s",
                "INFLUXDB_DATA_COMPACT_FULL_WRITE_COLD_DURATION": "20s",
            },
        )
        wait_for(port)
        self.http = Http(port)
        self.http.ask("/query", b"", q="CREATE DATABASE bench")

    def cpu(self):
        return threads_cpu(self.server)

    def load(self, data):
        """Batches of 10,000 lines; answers the CPU seconds of helpers: none."""
        batch = []
        for row in rows(data.path):
            batch.append(row)
            if len(batch) == BATCH:
                self.live(batch)
                batch = []
        self.live(batch)
        return 0.0

    def settle(self):
        """Waits until each shard is one file, ten minutes at most."""
        until = time.monotonic() + 600
        while time.monotonic() < until:
            must_live(self.server)
            shards = (self.place / "data/data/bench/autogen").iterdir()
            files = [len(list(shard.glob("*.tsm"))) for shard in shards]
            logs = (self.place / "data/wal/bench").rglob("*.wal")
            if max(files, default=0) == 1 and sum(log.stat().st_size for log in logs) == 0:
                break
            time.sleep(2)
        idle(self.server)

    def live(self, rows):
        self.http.ask("/write", "\n".join(map(line, rows)).encode(), db="bench", precision="ms")

    def version(self):
        self.http.connection.request("GET", "/ping")
        answer = self.http.connection.getresponse()
        answer.read()
        return answer.headers["X-Influxdb-Version"]

    def queries(self, data):
        """Name, query, and what to take from its answer, for each question."""
        whole = f"time >= {data.begin}ms AND time < {data.end}ms"

        def ask(query):
            return json.loads(self.http.ask("/query", db="bench", epoch="ms", q=query))["results"][0].get("series", [])

        def availability():
            return ask(f"SELECT count(took), count(reason) FROM probe WHERE {whole} GROUP BY target, probe")

        def quantiles():
            of = ", ".join(f"percentile(took, {q})" for q in (50, 95, 99))
            return ask(f"SELECT {of} FROM probe WHERE {whole} GROUP BY target, probe")

        def failures():
            window = f"time >= {data.window[0]}ms AND time < {data.window[1]}ms"
            bad = f"{window} AND outcome > 0"
            return ask(f"SELECT reason, status, detail FROM probe WHERE {bad} GROUP BY target, probe")

        def first(answer):
            return next([us / 1000 for us in one["values"][0][1:]] for one in answer
                        if one["tags"] == {"target": "target-000", "probe": "login"})

        return {
            "availability": (availability, len),
            "quantiles": (quantiles, first),
            "failures": (failures, lambda answer: sum(len(one["values"]) for one in answer)),
        }


def line(row):
    """A result in the line protocol. The last phase is the duration less the others, so it is not kept."""
    resolve, connect, tls, processing, _ = row.phases
    more = f',reason={row.reason}i,detail="{row.detail}"' if row.outcome else ""
    return (f"probe,target={row.target},probe={row.probe} outcome={row.outcome}i,status={row.status}i,"
            f"took={sum(row.phases)}i,resolve={resolve}i,connect={connect}i,tls={tls}i,processing={processing}i{more} "
            f"{row.slot}")
