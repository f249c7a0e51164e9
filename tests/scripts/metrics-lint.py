"""Lints the metrics of a server that it starts. Called by metrics-lint, with tests/python in the path."""

import http.client
import json
import re
import socket
import subprocess
import sys
import tempfile
import time

import launcher
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

CLIENTS = 1000
MOST_SERIES = 200
CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
# promtool's list of units that are not base units, and of types in names.
NO_BASE_UNIT = {"milliseconds", "ms", "microseconds", "minutes", "hours", "days", "kilobytes", "kb", "megabytes", "mb", "bits", "percent"}
TYPES = {"counter", "gauge", "histogram", "summary"}
LABELS = {"code", "status", "answer", "reason", "outcome", "kind", "route", "version", "profile", "le"}


def main():
    broken = [
        ("a counter without _total", "# HELP a A.\n# TYPE a counter\na 1\n# EOF\n"),
        ("a series twice", "# HELP a A.\n# TYPE a gauge\na 1\na 1\n# EOF\n"),
        ("no help", "# TYPE a gauge\na 1\n# EOF\n"),
        ("no base unit", "# HELP a_ms A.\n# TYPE a_ms gauge\na_ms 1\n# EOF\n"),
        ("no +Inf", '# HELP a A.\n# TYPE a histogram\na_sum 1\na_count 1\na_bucket{le="1.0"} 1\n# EOF\n'),
        ("no sum", '# HELP a A.\n# TYPE a histogram\na_count 1\na_bucket{le="+Inf"} 1\n# EOF\n'),
        ("no end", "# HELP a A.\n# TYPE a gauge\na 1\n"),
        ("a label of a client", '# HELP a A.\n# TYPE a gauge\na{client="7"} 1\n# EOF\n'),
    ]
    for what, text in broken:
        if not complaints(text):
            sys.exit(f"the lint itself is broken: it does not see {what}")
    with tempfile.TemporaryDirectory() as folder:
        lint("a file", f"redb:{folder}/clients.redb")
    with Redis() as store:
        lint("a shared store", store)


def lint(what, store):
    """Lints what a server says whose clients are kept there."""
    with Server(store) as server:
        before = server.metrics()
        report(complaints(before))
        keys = [server.register() for _ in range(CLIENTS)]
        for key in keys:
            server.pulse(key)
        # In a shared store they are counted once a second.
        for _ in range(50):
            after = server.metrics()
            value = series_of(after)
            if value[("rendezvous_clients", ())] == CLIENTS:
                break
            time.sleep(0.1)
        report(complaints(after))
        pulses = value[("rendezvous_pulses_total", (("answer", "on_time"),))]
        if (value[("rendezvous_clients", ())], pulses) != (CLIENTS, CLIENTS):
            sys.exit(f"after {CLIENTS} clients: {value[('rendezvous_clients', ())]} clients and {pulses} pulses")
        if series_of(before).keys() != series_of(after).keys():
            sys.exit(f"new series: {sorted(series_of(after).keys() ^ series_of(before).keys())}")
        families = len(list(parse(after)))
        print(f"with {what}: {families} metrics of {len(series_of(after))} series, as many with {CLIENTS} clients as with none; nothing to complain of")


def complaints(text):
    """What is wrong with a text of metrics."""
    try:
        families = list(parse(text))
    except ValueError as error:
        return [f"it cannot be parsed: {error}"]
    # The parser leaves a repeated series out in silence.
    names = [line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")]
    found = [f"{name} is there twice" for name in sorted({name for name in names if names.count(name) > 1})]
    for family in families:
        name, samples = family.name, family.samples
        words = set(name.split("_"))
        if not re.fullmatch(r"(rendezvous|process)(_[a-z]+)+", name) and name != "a":
            found.append(f"{name}: not a name of ours")
        if not family.documentation or not family.documentation.endswith("."):
            found.append(f"{name}: no help, or no sentence")
        if family.type in ("unknown", "untyped"):
            found.append(f"{name}: no type")
        if words & NO_BASE_UNIT:
            found.append(f"{name}: not a base unit")
        if words & TYPES or name.endswith(("_total", "_count", "_sum", "_bucket", "_info")):
            found.append(f"{name}: its type is in its name")
        if family.unit and not name.endswith("_" + family.unit):
            found.append(f"{name}: its unit {family.unit} is not in its name")
        if not samples:
            found.append(f"{name}: no series")
        for sample in samples:
            found += [f"{name}: label {label}" for label in sample.labels if label not in LABELS]
            if family.type == "counter" and sample.name != name + "_total":
                found.append(f"{sample.name}: a counter that does not end with _total")
            if family.type == "counter" and sample.value < 0:
                found.append(f"{sample.name}: a counter below zero")
        if family.type == "histogram":
            found += histogram(name, samples)
    if len(names) > MOST_SERIES:
        found.append(f"{len(names)} series, more than {MOST_SERIES}")
    return found


def histogram(name, samples):
    """What is wrong with a histogram without labels of its own."""
    values = {sample.name: sample.value for sample in samples if "le" not in sample.labels}
    buckets = [(float(sample.labels["le"]), sample.value) for sample in samples if "le" in sample.labels]
    bounds = [bound for bound, _ in buckets]
    counts = [count for _, count in buckets]
    if f"{name}_sum" not in values or f"{name}_count" not in values:
        return [f"{name}: no sum or no count"]
    if not bounds or bounds[-1] != float("inf"):
        return [f"{name}: no bucket for everything"]
    if bounds != sorted(set(bounds)) or counts != sorted(counts):
        return [f"{name}: its buckets are not in order"]
    if counts[-1] != values[f"{name}_count"]:
        return [f"{name}: {counts[-1]} values in buckets, and {values[f'{name}_count']} counted"]
    return []


def series_of(text):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def report(found):
    if found:
        sys.exit("\n".join(["/metrics:", *found]))


class Redis:
    """A store on a free port, that ends with the lint."""

    def __enter__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return f"redis://127.0.0.1:{port}"
            except OSError:
                time.sleep(0.05)
        sys.exit("the redis-server does not start")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Server(launcher.Server):
    """The program with this store, and what can be asked of it."""

    def __init__(self, store):
        super().__init__(f"--store={store}")
        self.connection = http.client.HTTPConnection(*self.http[0], timeout=10)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()
        self.socket.close()
        self.stop()

    def register(self):
        self.connection.request("POST", "/register")
        answer = self.connection.getresponse()
        body = json.loads(answer.read())
        if answer.status != 200:
            sys.exit(f"a registration is refused: {body}")
        return bytes.fromhex(body["private_id"])

    def pulse(self, key):
        self.socket.sendto(key, self.udp[0])
        code = int.from_bytes(self.socket.recv(4), "big")
        if code != 1020:
            sys.exit(f"a pulse is answered {code}")

    def metrics(self):
        admin = http.client.HTTPConnection(*self.admin[0], timeout=10)
        admin.request("GET", "/metrics")
        answer = admin.getresponse()
        text = answer.read().decode()
        admin.close()
        if (answer.status, answer.getheader("content-type")) != (200, CONTENT_TYPE):
            sys.exit(f"/metrics is answered {answer.status}, {answer.getheader('content-type')}")
        return text


main()
