"""VictoriaMetrics: eight samples a result, imported as JSON lines."""

import json

from feed import DAY, NAMES, Http, idle, stretches, threads_cpu, values
from kit import free_port, need, wait_for
from remote_write import HEADERS, Requests


class VictoriaMetrics:
    """One server in a directory of its own."""

    name = "VictoriaMetrics"
    stored = "8 samples"
    live_path = "remote write"

    def __init__(self, children, place):
        self.children, self.place, self.server, self.http = children, place, None, None

    def start(self):
        port = free_port()
        self.server = self.children.start(
            need("victoria-metrics", "victoria-metrics"), f"-storageDataPath={self.place}/data",
            f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y", "-search.disableCache",
            "-search.maxUniqueTimeseries=10000000", log=self.place / "log",
        )
        wait_for(port)
        self.http = Http(port)

    def cpu(self):
        return threads_cpu(self.server)

    def load(self, data):
        """A day of each series a line; answers the CPU seconds of helpers: none."""
        for day in stretches(data.path, DAY):
            series = {}
            for row in day:
                if row.series not in series:
                    series[row.series] = (row, [], [])
                _, moments, columns = series[row.series]
                moments.append(row.slot)
                columns.append(values(row))
            lines = []
            for row, moments, columns in series.values():
                for (name, phase), column in zip(NAMES, zip(*columns)):
                    metric = {"__name__": name, "target": row.target, "probe": row.probe}
                    metric |= {"phase": phase} if phase else {}
                    lines.append(json.dumps({"metric": metric, "values": column, "timestamps": moments}))
            self.http.ask("/api/v1/import", "\n".join(lines).encode())
        return 0.0

    def settle(self):
        self.http.ask("/internal/force_flush")
        self.http.ask("/internal/force_merge")
        idle(self.server)

    def live(self, rows, requests=Requests()):
        self.http.ask("/api/v1/write", requests.encode(rows), HEADERS)

    def version(self):
        return self.http.ask("/metrics").decode().partition('short_version="')[2].partition('"')[0] or "1.79.5"

    def queries(self, data):
        """Name, query, and what to take from its answer, for each question."""
        span, at = f"{(data.end - data.begin) // 1000}s", data.end / 1000 - 1
        ask = self.http.data

        def availability():
            return ask("/api/v1/query", query=f"avg_over_time(probe_success[{span}])", time=at, nocache=1)

        def quantiles():
            query = f'quantiles_over_time("q", 0.5, 0.95, 0.99, probe_duration_seconds[{span}])'
            return ask("/api/v1/query", query=query, time=at, nocache=1)

        def failures():
            query = "probe_http_status_code and (probe_success == 0)"
            return ask("/api/v1/query_range", query=query, start=data.window[0] / 1000,
                       end=data.window[1] / 1000 - 1, step=30, nocache=1)

        return {
            "availability": (availability, len),
            "quantiles": (quantiles, first_quantiles),
            "failures": (failures, points),
        }


def first_quantiles(answer):
    """Quantiles of the first series in milliseconds."""
    of = [(one["metric"]["q"], float(one["value"][1]) * 1000) for one in answer
          if (one["metric"]["target"], one["metric"]["probe"]) == ("target-000", "login")]
    return [value for _, value in sorted(of)]


def points(answer):
    """How many points a range has in all series together."""
    return sum(len(one["values"]) for one in answer)
