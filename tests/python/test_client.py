"""The Python client against the vectors and a real server: what it says is what the project's own conformance suite asks for."""

import json
import pathlib
import select
import socket
import threading
import time
import unittest

import rendezvous_client as rv
from launcher import Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
INTERVAL, GRACE, ERROR_TIME = 0.6, 0.3, 1.5


def vectors(name):
    return json.loads((ROOT / "tests" / "vectors" / name).read_text())


class Vectors(unittest.TestCase):
    def test_ids(self):
        for vector in vectors("ids.json")["vectors"]:
            self.assertEqual(rv.client_id(bytes.fromhex(vector["key"])), vector["client_id"])

    def test_codes(self):
        file = vectors("codes.json")
        for vector in file["vectors"]:
            self.assertEqual(rv.decode_code(bytes.fromhex(vector["width_2"])), vector["code"])
        for none in file["no_codes"]:
            self.assertIsNone(rv.decode_code(bytes.fromhex(none)))

    def test_probes(self):
        file = vectors("probes.json")
        for vector in file["vectors"]:
            kind = rv.PROBE if vector["kind"] == "probe" else rv.ANSWER
            fields = (kind, vector["sender"], vector["receiver"], int(vector["nonce"], 16))
            self.assertEqual(rv.encode_probe(*fields).hex(), vector["bytes"])
            self.assertEqual(rv.decode_probe(bytes.fromhex(vector["bytes"])), fields)
        for none in file["no_probes"]:
            self.assertIsNone(rv.decode_probe(bytes.fromhex(none)))


class WithServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        timing = {"pulse-interval": INTERVAL, "pulse-grace": GRACE, "error-time": ERROR_TIME}
        cls.server = Server(*(f"--{name}={seconds * 1000:.0f}ms" for name, seconds in timing.items()))

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def client(self):
        client = rv.Client("http://%s:%d" % self.server.http[0])
        self.addCleanup(lambda: client.socket.close())
        return client

    def run_for(self, seconds, *clients):
        """Lets clients do what is due."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            waits = [client.step() for client in clients]
            select.select([client.socket for client in clients], [], [], min([left, *(w for w in waits if w is not None)]))

    def one_pulse(self, client, key=None):
        """The code that answers a pulse, or None."""
        client.socket.settimeout(1)
        client.socket.sendto(key or client.key, client.udp)
        try:
            return rv.decode_code(client.socket.recvfrom(64)[0])
        except TimeoutError:
            return None

    def quiet(self, client):
        """Throws away what the client's own first pulse was answered with."""
        client.socket.settimeout(1)
        self.assertEqual(rv.decode_code(client.socket.recvfrom(64)[0]), rv.ON_TIME)

    def refused(self, code, call, *arguments):
        with self.assertRaises(rv.Refused) as raised:
            call(*arguments)
        self.assertEqual(raised.exception.code, code)


class StaysReachable(WithServer):
    def test_it_stays_online_for_many_intervals(self):
        client, watcher = self.client(), self.client()
        for _ in range(20):
            self.run_for(0.3, client, watcher)
            self.assertEqual(watcher.status(client.id), "ONLINE")
        self.assertEqual(client.events, ["registered"])
        self.assertEqual(watcher.lookup(client.id)[1], client.socket.getsockname()[1])

    def test_one_that_slept_verifies(self):
        client = self.client()
        self.run_for(0.2, client)
        time.sleep(INTERVAL + GRACE + 0.3)
        self.run_for(0.3, client)
        self.assertEqual(client.events, ["registered", "verified"])
        self.assertEqual(client.status(client.id), "ONLINE")

    def test_one_that_was_forgotten_registers_again(self):
        client = self.client()
        self.run_for(0.2, client)
        before = client.id
        time.sleep(INTERVAL + ERROR_TIME + 0.3)
        self.run_for(1.5, client)
        self.assertEqual(client.events[-1], "registered again")
        self.assertNotEqual(client.id, before)
        self.assertEqual(client.status(client.id), "ONLINE")

    def test_two_find_each_other(self):
        one, other = self.client(), self.client()
        self.run_for(0.2, one, other)
        found = []
        thread = threading.Thread(target=lambda: found.append(rv.punch(other, one.id)))
        thread.start()
        self.assertEqual(rv.punch(one, other.id), ("127.0.0.1", other.socket.getsockname()[1]))
        # It answers the other's probes until that has its answer, too.
        while thread.is_alive():
            one.socket.settimeout(0.05)
            try:
                probe = rv.decode_probe((arrived := one.socket.recvfrom(2048))[0])
            except TimeoutError:
                continue
            if probe and probe[0] == rv.PROBE:
                one.socket.sendto(rv.encode_probe(rv.ANSWER, one.id, other.id, probe[3]), arrived[1])
        thread.join()
        self.assertEqual(found, [("127.0.0.1", one.socket.getsockname()[1])])


class Conformance(WithServer):
    """The statements of tests/src/conformance, made through this client."""

    def test_a_key_names_its_client(self):
        client = self.client()
        self.assertEqual(rv.client_id(client.key), client.id)

    def test_a_pulse_publishes_its_source_and_a_second_one_moves_it(self):
        client = self.client()
        self.quiet(client)
        self.assertEqual(client.lookup(client.id), ("127.0.0.1", client.socket.getsockname()[1]))
        first, client.socket = client.socket, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(first.close)
        self.assertEqual(self.one_pulse(client), rv.ON_TIME)
        self.assertEqual(client.lookup(client.id)[1], client.socket.getsockname()[1])

    def test_a_late_pulse_changes_nothing_and_a_verify_helps(self):
        client, watcher = self.client(), self.client()
        self.quiet(client)
        there = watcher.lookup(client.id)
        time.sleep(INTERVAL + GRACE + 0.05)
        watcher.call("POST", "/verify")
        self.assertEqual(watcher.status(client.id), "PENDING")
        first, client.socket = client.socket, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(first.close)
        self.assertEqual(self.one_pulse(client), rv.REVERIFY)
        self.assertEqual(watcher.lookup(client.id), there)
        client.call("POST", "/verify")
        self.assertEqual(watcher.status(client.id), "ONLINE")
        self.assertEqual(self.one_pulse(client), rv.ON_TIME)

    def test_who_is_gone_or_logged_out_is_unknown(self):
        gone, left, watcher = self.client(), self.client(), self.client()
        for client in (gone, left, watcher):
            self.quiet(client)
        left.logout()
        self.assertEqual(self.one_pulse(left), rv.NOT_FOUND)
        self.refused("unknown_client", left.call, "POST", "/verify")
        self.refused("unknown_client", left.logout)
        self.refused("unknown_peer", watcher.lookup, left.id)
        for _ in range(3):
            time.sleep((INTERVAL + ERROR_TIME) / 3 + 0.02)
            watcher.call("POST", "/verify")
        self.assertEqual(self.one_pulse(gone), rv.NOT_FOUND)
        self.refused("unknown_client", gone.call, "POST", "/verify")
        self.refused("unknown_peer", watcher.status, gone.id)

    def test_only_32_bytes_are_a_pulse(self):
        client = self.client()
        self.quiet(client)
        client.socket.settimeout(0.3)
        for vector in vectors("datagrams.json")["vectors"]:
            if vector["source_port"] and vector["length"] != 32:
                client.socket.sendto(bytes(vector["length"]), client.udp)
        with self.assertRaises(TimeoutError):
            client.socket.recvfrom(64)
        self.assertEqual(self.one_pulse(client, bytes(32)), rv.NOT_FOUND)

    def test_what_is_wrong_is_said_in_its_order(self):
        client = self.client()
        for code, method, path, key in [
            ("no_such_route", "GET", "/nothing", False),
            ("method_not_allowed", "GET", "/register", False),
            ("missing_credentials", "POST", "/verify", False),
            ("missing_credentials", "GET", "/peer/nonsense/udp", False),
            ("malformed_client_id", "GET", "/peer/nonsense/udp", True),
            ("unknown_peer", "GET", f"/peer/{'0' * 32}/udp", True),
            ("unknown_peer", "GET", f"/peer/{'0' * 32}/udp/status", True),
        ]:
            with self.subTest(code=code, path=path):
                self.refused(code, client.call, method, path, key)

    def test_ids_are_read_in_either_case(self):
        client = self.client()
        self.quiet(client)
        self.assertEqual(client.call("GET", f"/peer/{client.id.upper()}/udp")["client_id"], client.id)


if __name__ == "__main__":
    unittest.main()
