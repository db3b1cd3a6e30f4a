"""What the measurements share: child processes, their CPU seconds and memory, an nginx that asks for a key, tables."""

import contextlib
import datetime
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KEY = "bench-key-0123456789abcdef"
TICKS = os.sysconf("SC_CLK_TCK")
ROOT = Path(__file__).resolve().parent.parent


def authprobe():
    """The program under measurement: AUTHPROBE, else the release build of this tree."""
    path = Path(os.environ.get("AUTHPROBE", ROOT / "target/release/authprobe"))
    if not path.exists():
        sys.exit(f"{path} is not there: cargo build --release, or set AUTHPROBE to a binary")
    return str(path.resolve())


def need(command, package):
    """The path of another program, or the end with a hint."""
    path = shutil.which(command) or shutil.which(command, path="/usr/sbin:/sbin")
    return path or sys.exit(f"{command} is not there; on Debian: tests/install.sh benches, or apt-get install {package}")


class Children:
    """The processes that a measurement started; all of them are ended with it."""

    def __init__(self):
        self.all = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self.all):
            end(child)

    def start(self, *command, log=None, out=None, env=None):
        """Starts a process whose messages go to the file `log`."""
        messages = open(log, "wb") if log else subprocess.DEVNULL
        child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=out or messages,
            stderr=messages,
            env={**os.environ, **(env or {})},
        )
        self.all.append(child)
        return child


def end(child, within=30):
    """Asks a child to end, and makes it end when it does not."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(within)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    return child.returncode


def must_live(*children):
    """Ends the measurement when a child is gone: its figures would be of nothing."""
    for child in children:
        if child.poll() is not None:
            sys.exit(f"{child.args[0]} ended early with {child.returncode}; see its log with --keep")


def cpu(*children):
    """CPU seconds, user and system, of processes with their threads and ended children."""
    seconds = 0
    for child in children:
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        seconds += sum(int(fields[index]) for index in range(11, 15)) / TICKS
    return seconds


def memory(child):
    """Resident memory in MiB: now and at its highest."""
    status = Path(f"/proc/{child.pid}/status").read_text()
    return tuple(int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 1024 for name in ("VmRSS", "VmHWM"))


def load():
    """The load average of the last minute."""
    return os.getloadavg()[0]


def free_port(host="127.0.0.1"):
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def wait_for(port, host="127.0.0.1", within=20):
    """Waits until somebody listens on a port."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
            return
        time.sleep(0.05)
    sys.exit(f"nobody listens on port {port}")


def nginx(children, place, log_requests=False):
    """An nginx with one worker that answers 200 with the right X-API-Key and 401 otherwise, on all of 127.0.0.0/8."""
    port, place = free_port(), Path(place) / "nginx"
    place.mkdir()
    requests = f"{place}/access.log seen buffer=64k flush=1s" if log_requests else "off"
    (place / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; worker_rlimit_nofile 16384; pid {place}/pid; error_log {place}/error.log warn;
events {{ worker_connections 8192; }}
http {{
  log_format seen '$msec $status $http_user_agent';
  access_log {requests};
  client_body_temp_path {place}/1; proxy_temp_path {place}/2; fastcgi_temp_path {place}/3;
  uwsgi_temp_path {place}/4; scgi_temp_path {place}/5;
  map $http_x_api_key $known {{ default 0; "{KEY}" 1; }}
  server {{
    listen 0.0.0.0:{port} backlog=4096;
    location / {{ default_type application/json; if ($known) {{ return 200 '{{"workflows":[]}}'; }} return 401 '{{"error":"API key"}}'; }}
  }}
}}
""")
    children.start(need("nginx", "nginx-light"), "-c", place / "nginx.conf", "-p", place, log=place / "out.log")
    wait_for(port)
    return port, place / "access.log"


def configuration(place, targets, every, timeout="5s", name="authprobe.yaml"):
    """Writes a configuration with an API-key probe for each (name, URL)."""
    place = Path(place)
    (place / "key").write_text(KEY)
    lines = ["store: authprobe.db", "listen: 127.0.0.1:0", "targets:"]
    for target, url in targets:
        lines.append(
            f"  - {{name: {target}, url: \"{url}\", every: {every}s, timeout: {timeout}, probes: "
            "{api_key: {header: X-API-Key, key: {file: key}, request: GET /}}}"
        )
    (place / name).write_text("\n".join(lines) + "\n")
    return place / name


def results(store):
    """The results of a store, in the order of time."""
    with subprocess.Popen([authprobe(), "export", "--store", str(store)], stdout=subprocess.PIPE) as export:
        for line in export.stdout:
            record = json.loads(line)
            if record["type"] == "result":
                record["at"] = seconds(record["time"])
                yield record
    if export.returncode:
        sys.exit(f"export ended with {export.returncode}")


def seconds(text):
    """An RFC 3339 time in UTC as seconds since 1970."""
    return datetime.datetime.fromisoformat(re.sub(r"(\.\d{1,6})?\d*Z$", r"\1+00:00", pad(text))).timestamp()


def pad(text):
    """A time whose fraction has exactly six digits: what Python 3.9 can read."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return f"{whole}.{fraction[:6]:0<6}Z"


def size(place):
    """Bytes of the files below a place."""
    return sum(file.stat().st_size for file in Path(place).rglob("*") if file.is_file())


def spread(values, digits=2):
    """Minimum, median and maximum as one cell."""
    values = list(values)
    return " / ".join(f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values)))


def table(head, rows):
    """Prints a Markdown table."""
    print("| " + " | ".join(head) + " |")
    print("|" + "--|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)


@contextlib.contextmanager
def directory(keep):
    """A directory for one run; it is told and stays with `keep`."""
    place = tempfile.mkdtemp(prefix="authprobe-bench-")
    try:
        yield Path(place)
    finally:
        if keep:
            print(f"kept: {place}", file=sys.stderr)
        else:
            shutil.rmtree(place, ignore_errors=True)


def say(text):
    """Progress, on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
