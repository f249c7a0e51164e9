"""A client of a rendezvous server in plain Python: it registers, stays reachable, looks peers up, and punches.

It is what tests/vectors/README.md says, and nothing but the standard library. Call step() whenever select() or a timer
wakes the program: it does what is due and returns how long to wait.
"""

import hashlib
import json
import os
import random
import socket
import struct
import time
import urllib.error
import urllib.parse
import urllib.request

ON_TIME, REVERIFY, NOT_FOUND = 1020, 1050, 1060
PROBE, ANSWER = 1, 2
MAGIC = b"\x0brzv\x01"


class Refused(Exception):
    """The server refuses a request; `code` is the problem's, `status` that of HTTP."""

    def __init__(self, status, code):
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code


def client_id(key):
    return hashlib.sha256(key + b"rendezvous-client-id-v1").digest()[:16].hex()


def decode_code(payload):
    """The code of a server's answer of 2 bytes, or None."""
    code = int.from_bytes(payload, "big") if len(payload) == 2 else None
    return code if code in (ON_TIME, REVERIFY, NOT_FOUND) else None


def encode_probe(kind, sender, receiver, nonce):
    return struct.pack(">5sBxx16s16sQ", MAGIC, kind, bytes.fromhex(sender), bytes.fromhex(receiver), nonce)


def decode_probe(payload):
    """(kind, sender, receiver, nonce), or None if it is somebody else's."""
    if len(payload) != 48 or payload[:5] != MAGIC or payload[5] not in (PROBE, ANSWER) or payload[6:8] != b"\0\0":
        return None
    return payload[5], payload[8:24].hex(), payload[24:40].hex(), int.from_bytes(payload[40:], "big")


class Client:
    def __init__(self, server):
        self.server = server.rstrip("/")
        self.events = []
        self.id = None
        self._register()

    def lookup(self, peer):
        answer = self.call("GET", f"/peer/{peer}/udp")
        return answer["host"], answer["port"]

    def status(self, peer):
        return self.call("GET", f"/peer/{peer}/udp/status")["status"]

    def logout(self):
        self.call("POST", "/logout")
        self.due = None

    def call(self, method, path, key=True):
        headers = {"Authorization": "Bearer " + self.key.hex()} if key else {}
        request = urllib.request.Request(self.server + path, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(error.code, json.load(error).get("code")) from None

    def step(self):
        """Takes what has arrived, does what is due, and returns the seconds until it wants to be called again."""
        self.socket.setblocking(False)
        while True:
            try:
                payload, source = self.socket.recvfrom(2048)
            except BlockingIOError:
                break
            code = decode_code(payload)
            if source == self.udp and code and self.unanswered is not None:
                self._answered(code)
        if self.due is not None and time.monotonic() >= self.due:
            if self.unanswered is not None and self.unanswered < 3:
                self.pulse(self.unanswered + 1)  # Repeated after 1, 2 and 4 s.
            else:
                self.pulse()
        return max(0.0, self.due - time.monotonic()) if self.due is not None else None

    def pulse(self, repeats=0):
        self.socket.sendto(self.key, self.udp)
        self.unanswered = repeats
        self.due = time.monotonic() + self.interval / 30 * 2**repeats

    def _answered(self, code):
        self.unanswered = None
        if code == ON_TIME:
            wait = self.interval / 10 if self.is_new else self.interval * random.uniform(20, 23) / 30
            self.is_new = False  # A NAT that saw one exchange may forget it sooner: the second pulse comes soon.
            self.due = time.monotonic() + wait
            return
        try:  # A datagram can be forged: only the server over HTTP says that a client is forgotten.
            self.call("POST", "/verify")
            self.events.append("verified")
            self.pulse()
        except Refused as refusal:
            if refusal.code != "unknown_client":
                raise
            time.sleep(random.uniform(0, 1))  # So that not all come back at once.
            self._register()

    def _register(self):
        answer = self.call("POST", "/register", key=False)
        self.events.append("registered" if self.id is None else "registered again")
        self.key, self.id = bytes.fromhex(answer["private_id"]), answer["client_id"]
        self.interval = answer.get("pulse_interval", 30)
        host = urllib.parse.urlsplit(self.server).hostname
        self.udp = socket.getaddrinfo(host, answer.get("udp_port", 5024), socket.AF_INET)[0][4]
        if not hasattr(self, "socket"):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.is_new = True
        self.pulse()


def punch(client, peer, attempts=3):
    """Finds a direct way to `peer`, which does the same: its address, or None if a relay is needed."""
    for _ in range(attempts):
        host, port = client.lookup(peer)
        targets, nonces, begun, sent = [(host, port)], set(), time.monotonic(), 0
        while (passed := time.monotonic() - begun) < 3.2:
            if sent < 20 and passed >= sent * 0.15:
                nonce = int.from_bytes(os.urandom(8), "big")
                nonces.add(nonce)
                client.socket.sendto(encode_probe(PROBE, client.id, peer, nonce), targets[sent % len(targets)])
                sent += 1
            client.socket.settimeout(0.05)
            try:
                payload, source = client.socket.recvfrom(2048)
            except TimeoutError:
                continue
            probe = decode_probe(payload)
            if probe is None or probe[1:3] != (peer, client.id) or source[0] != host:
                continue
            if probe[0] == ANSWER and probe[3] in nonces:
                return source
            if probe[0] == PROBE:
                client.socket.sendto(encode_probe(ANSWER, client.id, peer, probe[3]), source)
                targets = [(host, port), source] if source != (host, port) else targets
    return None
