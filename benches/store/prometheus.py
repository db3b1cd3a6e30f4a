"""Prometheus: eight samples a result, made into blocks of two hours by promtool and compacted by the server."""

import os
import subprocess
import time

from feed import HOUR, NAMES, Http, idle, stretches, threads_cpu, values
from kit import free_port, need, wait_for
from remote_write import HEADERS, Requests
from victoria import first_quantiles, points


class Prometheus:
    """One server in a directory of its own."""

    name = "Prometheus"
    stored = "8 samples"
    live_path = "remote write"

    def __init__(self, children, place):
        self.children, self.place, self.server, self.http = children, place, None, None

    def start(self):
        port = free_port()
        (self.place / "prometheus.yml").write_text("{}\n")
        # A lookback shorter than the interval: a failure is told once, not until the next result.
        self.server = self.children.start(
            need("prometheus", "prometheus"), f"--config.file={self.place}/prometheus.yml",
            f"--storage.tsdb.path={self.place}/data", "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver",
            "--query.lookback-delta=29s", "--query.max-samples=200000000", log=self.place / "log",
        )
        wait_for(port)
        self.http = Http(port)
        until = time.monotonic() + 120
        while time.monotonic() < until and self.http.status("/-/ready") != 200:
            time.sleep(0.2)

    def cpu(self):
        return threads_cpu(self.server)

    def load(self, data):
        """An OpenMetrics file for each two hours; answers the CPU seconds of promtool."""
        spent, file = 0.0, self.place / "blocks.om"
        promtool = need("promtool", "prometheus")
        for stretch in stretches(data.path, 2 * HOUR):
            families, prefixes = {name: [] for name, _ in NAMES}, {}
            for row in stretch:
                if row.series not in prefixes:
                    prefixes[row.series] = [prefix(row, name, phase) for name, phase in NAMES]
                moment = f" {row.slot / 1000}\n"
                for (name, _), start, value in zip(NAMES, prefixes[row.series], values(row)):
                    families[name].append(f"{start}{value}{moment}")
            with open(file, "w", encoding="utf-8") as out:
                for name, lines in families.items():
                    out.write(f"# TYPE {name} gauge\n")
                    out.writelines(lines)
                out.write("# EOF\n")
            child = subprocess.Popen(
                [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", file, self.place / "data"],
                stdout=subprocess.DEVNULL,
            )
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode:
                raise SystemExit(f"promtool ended with {child.returncode}")
            spent += usage.ru_utime + usage.ru_stime
        file.unlink()
        return spent

    def settle(self):
        # The server looks for blocks to compact once a minute.
        idle(self.server, least=75)

    def live(self, rows, requests=Requests()):
        self.http.ask("/api/v1/write", requests.encode(rows), HEADERS)

    def version(self):
        return self.http.ask("/api/v1/status/buildinfo").decode().partition('"version":"')[2].partition('"')[0]

    def queries(self, data):
        """Name, query, and what to take from its answer, for each question."""
        span, at = f"{(data.end - data.begin) // 1000}s", data.end / 1000 - 1
        ask = self.http.data

        def availability():
            return ask("/api/v1/query", query=f"avg_over_time(probe_success[{span}])", time=at)

        def quantiles():
            of = "label_replace(quantile_over_time({0}, probe_duration_seconds[{1}]), 'q', '{0}', '', '')"
            return ask("/api/v1/query", query=" or ".join(of.format(q, span) for q in (0.5, 0.95, 0.99)), time=at)

        def failures():
            query = "probe_http_status_code and (probe_success == 0)"
            return ask("/api/v1/query_range", query=query, start=data.window[0] / 1000,
                       end=data.window[1] / 1000 - 1, step=30)

        return {
            "availability": (availability, len),
            "quantiles": (quantiles, first_quantiles),
            "failures": (failures, points),
        }


def prefix(row, name, phase):
    """The beginning of a sample's line."""
    more = f',phase="{phase}"' if phase else ""
    return f'{name}{{target="{row.target}",probe="{row.probe}"{more}}} '
