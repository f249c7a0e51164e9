"""What the description of the routes cannot say: how to become a client, and which peers there are.

Also counts what was answered, and writes it to the file that SCHEMATHESIS_SEEN names: a run in which no lookup ever found
anybody proves little.
"""

import atexit
import collections
import json
import os
import re
import socket
import time
import urllib.request

import schemathesis

SERVER = os.environ["SCHEMATHESIS_SERVER"]
HOST = os.environ["SCHEMATHESIS_HOST"]

# Seconds after which a client that is used here is registered anew, or pulses again: long before the server forgets it.
FRESH = 20

CLIENT_ID = re.compile("[0-9a-fA-F]{32}")

# Ids that the run itself was told by the server, so that links lead to the client that they were made for.
issued = set()
seen = collections.Counter()


def register():
    """A new client, as the server tells it."""
    request = urllib.request.Request(f"{SERVER}/register", method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


class Client:
    """A client that is registered when it is wanted; one that pulses has an address."""

    def __init__(self, pulses=False):
        self.pulses = pulses
        self.body = None
        self.since = -FRESH

    def get(self):
        if time.monotonic() - self.since >= FRESH:
            self.since = time.monotonic()
            self.body = register()
            if self.pulses:
                pulse(self.body)
        return self.body


def pulse(body):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(5)
        udp.sendto(bytes.fromhex(body["private_id"]), (HOST, body["udp_port"]))
        code = int.from_bytes(udp.recv(4), "big")
    assert code == 1020, code


caller = Client()
peer = Client(pulses=True)


@schemathesis.auth(refresh_interval=None)
class Key:
    """Whoever logs out is nobody afterwards: a new client for each logout, and one for all other calls."""

    def get(self, case, context):
        client = register() if context.operation.path == "/logout" else caller.get()
        return client["private_id"]

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, kwargs):
    """Ids that are drawn belong to nobody. Of those that are well-formed, every second one becomes that of a peer."""
    client_id = (case.path_parameters or {}).get("client_id")
    if not isinstance(client_id, str) or not CLIENT_ID.fullmatch(client_id) or client_id in issued:
        return
    if int(client_id[-1], 16) % 2 == 0:
        case.path_parameters["client_id"] = peer.get()["client_id"]


@schemathesis.hook
def after_call(context, case, response):
    seen[f"{response.request.method} {case.path} {response.status_code}"] += 1
    if case.path == "/register" and response.status_code == 200 and response.request.method == "POST":
        issued.add(response.json()["client_id"])


@atexit.register
def tell():
    with open(os.environ["SCHEMATHESIS_SEEN"], "w") as file:
        json.dump(seen, file)
