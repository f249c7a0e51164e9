"""Launcher of the real server for the tests in Python."""

import json
import os
import pathlib
import queue
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT = 20
LISTENERS = ("udp", "http", "admin")
DEFAULTS = ["--store=memory:", "--no-limits", *(f"--{name}-listen=127.0.0.1:0" for name in LISTENERS)]


class Server:
    """Running server: on free loopback ports, without store or limits unless the flags say so.

    `udp`, `http` and `admin` are lists of (host, port), and `log` is the list of log lines so far.
    """

    def __init__(self, *flags):
        found = subprocess.run([ROOT / "tests/scripts/program"], stdout=subprocess.PIPE, text=True)
        if found.returncode != 0:
            raise SystemExit(found.returncode)
        program = found.stdout.strip()
        given = {flag.split("=")[0] for flag in flags}
        defaults = [flag for flag in DEFAULTS if flag.split("=")[0] not in given]
        command = [program, *defaults, "--log-format=json", *flags]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RENDEZVOUS_")}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        self.log, ready = [], queue.Queue()
        threading.Thread(target=self._read_log, args=(ready,), daemon=True).start()
        try:
            entry, why = ready.get(timeout=TIMEOUT), "ended before it was ready"
        except queue.Empty:
            entry, why = None, f"was not ready within {TIMEOUT} s"
        if entry is None:
            self.process.kill()
            self.process.wait()
            raise SystemExit(f"the server {why}; its log:\n{''.join(self.log)}")
        self.udp, self.http, self.admin = (parse_addresses(entry[name]) for name in LISTENERS)

    def _read_log(self, ready):
        """Reads the log to its end, so that the pipe never fills."""
        for line in self.process.stderr:
            self.log.append(line)
            if '"message":"ready: ' in line:
                ready.put(json.loads(line))
        ready.put(None)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=TIMEOUT)


def parse_addresses(text):
    """Returns the (host, port) of addresses that commas separate."""
    parts = (address.rpartition(":") for address in text.split(",") if address)
    return [(host, int(port)) for host, _, port in parts]
