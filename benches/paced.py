#!/usr/bin/env python3
"""CPU and memory of paced API-key probes, beside Prometheus with blackbox_exporter in the same minute."""

import argparse
import time

from kit import (KEY, Children, authprobe, configuration, cpu, directory, end, free_port, load, memory, must_live, need,
                 nginx, results, say, spread, table, wait_for)


def theirs(children, place, targets, every):
    """Starts blackbox_exporter and a Prometheus that lets it probe the same URLs as often."""
    blackbox, prometheus = free_port(), free_port()
    (place / "blackbox.yml").write_text(f"""
modules:
  api_key:
    prober: http
    timeout: 5s
    http: {{method: GET, headers: {{X-API-Key: {KEY}}}, valid_status_codes: [200], preferred_ip_protocol: ip4, follow_redirects: false}}
""")
    urls = "\n".join(f'          - "{url}/"' for _, url in targets)
    (place / "prometheus.yml").write_text(f"""
global: {{scrape_interval: {every}s, scrape_timeout: {min(10, every)}s}}
scrape_configs:
  - job_name: probes
    metrics_path: /probe
    params: {{module: [api_key]}}
    static_configs:
      - targets:
{urls}
    relabel_configs:
      - {{source_labels: [__address__], target_label: __param_target}}
      - {{source_labels: [__param_target], target_label: instance}}
      - {{target_label: __address__, replacement: "127.0.0.1:{blackbox}"}}
""")
    exporter = children.start(
        need("prometheus-blackbox-exporter", "prometheus-blackbox-exporter"),
        f"--config.file={place}/blackbox.yml", f"--web.listen-address=127.0.0.1:{blackbox}",
        log=place / "blackbox.log",
    )
    wait_for(blackbox)
    server = children.start(
        need("prometheus", "prometheus"), f"--config.file={place}/prometheus.yml",
        f"--storage.tsdb.path={place}/tsdb", f"--web.listen-address=127.0.0.1:{prometheus}",
        log=place / "prometheus.log",
    )
    wait_for(prometheus)
    return exporter, server


def measure(args):
    """One run: everybody warms up, then the same seconds are measured of all."""
    with directory(args.keep) as place, Children() as children:
        port, requests = nginx(children, place, log_requests=True)
        targets = [(f"t{index:05}", f"http://127.0.0.1:{port}/t{index:05}") for index in range(args.targets)]
        config = configuration(place, targets, args.every)
        rivals = theirs(children, place, targets, args.every) if not args.alone else ()
        ours = children.start(authprobe(), "run", "-c", config, log=place / "authprobe.log")
        time.sleep(args.warm_up)
        must_live(ours, *rivals)
        groups = [(ours,), *((rival,) for rival in rivals)]
        begun, before, loads = time.time(), [cpu(*group) for group in groups], []
        while time.time() < begun + args.seconds:
            time.sleep(min(5, max(0.0, begun + args.seconds - time.time())))
            loads.append(load())
        must_live(ours, *rivals)
        ended, spent = time.time(), [cpu(*group) - was for group, was in zip(groups, before)]
        memories = [memory(*group) for group in groups]
        stopped = end(ours)
        for rival in rivals:
            end(rival)
        time.sleep(1.5)
        mine, other, refused = 0, 0, 0
        for line in requests.read_text().splitlines():
            at, status, agent = line.split(" ", 2)
            if begun <= float(at) < ended:
                mine += agent.startswith("authprobe/")
                other += not agent.startswith("authprobe/")
                refused += status != "200"
        everything = list(results(place / "authprobe.db"))
        stored = [result for result in everything if begun <= result["at"] < ended]
        good = sum(result["outcome"] == "success" for result in stored)
        figures = {
            "sent": mine, "stored": len(stored), "good": good, "refused": refused, "exit": stopped,
            "cpu": spent[0] / mine * 1000, "rss": memories[0][0], "peak": memories[0][1],
            "bytes": (place / "authprobe.db").stat().st_size / len(everything),
            "load": sum(loads) / len(loads), "log": (place / "authprobe.log").read_text(),
        }
        if rivals:
            figures |= {
                "their_sent": other, "blackbox": spent[1] / other * 1000, "prometheus": spent[2] / other * 1000,
                "theirs": (spent[1] + spent[2]) / other * 1000, "their_rss": memories[1][0] + memories[2][0],
                "ratio": figures["cpu"] / ((spent[1] + spent[2]) / other * 1000),
            }
        return figures


def main():
    """Repeats the run and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--every", type=int, default=15, help="interval of each target, in seconds")
    parser.add_argument("--warm-up", type=float, default=30, help="seconds before the measurement")
    parser.add_argument("--seconds", type=float, default=75, help="seconds that are measured")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="without Prometheus and blackbox_exporter")
    parser.add_argument("--keep", action="store_true", help="keep the directories of the runs")
    args = parser.parse_args()
    runs = []
    for number in range(args.runs):
        figures = measure(args)
        runs.append(figures)
        say(f"run {number + 1}: " + ", ".join(
            f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}"
            for name, value in figures.items() if name != "log"))
        say(figures["log"].strip().splitlines()[-1])
    column = lambda name, digits=2: spread((run[name] for run in runs), digits)
    print(f"{args.targets} targets every {args.every} s, {args.seconds:.0f} s measured after {args.warm_up:.0f} s, "
          f"{args.runs} runs; load {column('load', 1)}\n")
    rows = [["authprobe", column("sent", 0), column("stored", 0), column("cpu"), column("rss", 1), column("peak", 1)]]
    if not args.alone:
        rows.append(["blackbox_exporter", "", "", column("blackbox"), "", ""])
        rows.append(["Prometheus", "", "", column("prometheus"), "", ""])
        rows.append(["both", column("their_sent", 0), "", column("theirs"), column("their_rss", 1), ""])
    table(["min / median / max", "requests at nginx", "stored", "CPU-s per 1,000 probes", "RSS MiB", "highest RSS MiB"], rows)
    if not args.alone:
        print(f"authprobe ÷ both, CPU: {column('ratio')}")
    print(f"bytes of the store per result: {column('bytes', 0)}")


if __name__ == "__main__":
    main()
