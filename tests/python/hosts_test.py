#!/usr/bin/env python3
"""Runs over several machines, which are network namespaces: rank 0 and others frozen and cut off, strangers
at their doors, and names that lead nowhere. Exit status 77: no namespaces, or DIFFUSE_PROGRAM is not set."""
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import cluster
import namespaces

if "DIFFUSE_PROGRAM" not in os.environ:
    namespaces.skip("DIFFUSE_PROGRAM is not set")
namespaces.enter()

TIMEOUT = 8  # --peer-timeout, seconds: of silence, too, and for all to start
SLACK = 7    # for a machine that is busy with other tests

# Opens many connections to each port of a machine, sends rubbish on every other, and keeps them open.
STRANGER = """
import random, resource, socket, sys, time
limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
sockets = []
for port in map(int, sys.argv[2:]):
    for i in range(1200):
        s = socket.create_connection((sys.argv[1], port), timeout=5)
        s.setblocking(False)
        try:
            if i % 2: s.send(random.Random(i).randbytes(1 + 37 * i % 500))
        except OSError: pass
        sockets.append(s)
print("connected", flush=True)
time.sleep(600)
"""


class Hosts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = pathlib.Path(scratch.name)
        cls.hosts = namespaces.hosts(3, cls.folder)
        cls.ports = itertools.count(29500)
        cls.config = cluster.write_config(cls.folder, cluster.merged(cluster.POINTS, {"train": {
            "steps": 1_000_000, "checkpoint_every": 50, "log_every": 1000, "eval_every": 0}}))

    def start(self, hosts, name, timeout=TIMEOUT, **variables):
        """A run whose rank k is on hosts[k]."""
        command = cluster.train(self.config, self.folder / name, "--peer-timeout", f"{timeout}s")
        common = {"WORLD_SIZE": str(len(hosts)), "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1",
                  "MASTER_ADDR": f"host{hosts[0]}", "MASTER_PORT": str(next(self.ports)), **variables}
        run = cluster.start(([self.hosts[host].command(cluster.PROGRAM, *command) for host in hosts],
                             [{**common, "RANK": str(rank)} for rank in range(len(hosts))]))
        for child in run:
            self.addCleanup(child.kill)
        return run

    def trains(self, *names):
        now = time.time()
        for name in names:
            cluster.wait_until_saved(self.folder / name, now)

    def assert_end(self, run, begin, lines, promised=TIMEOUT):
        """Each rank that lines has one for ends in time, with code 1 and that line."""
        for rank, line in lines.items():
            left = begin + promised + SLACK - time.monotonic()
            try:
                _, err = run[rank].communicate(timeout=max(left, 0.1))
            except subprocess.TimeoutExpired:
                self.fail(f"rank {rank} is there after {promised + SLACK} s; expected: {line}")
            self.assertEqual(run[rank].returncode, 1, err)
            self.assertIn(line, err)
            for noise in ("c10d", "frame #", "Exception raised from", "gloo/"):
                self.assertNotIn(noise, err)


    def test_strangers_and_frozen_ranks(self):
        runs = {victim: self.start((0, 1, 2), f"frozen{victim}", MASTER_ADDR=self.hosts[0].address)
                for victim in range(3)}
        paused = self.start((1, 2), "paused")
        self.trains("paused", *(f"frozen{victim}" for victim in runs))

        doors = [cluster.listening(runs[0][rank].pid) for rank in (0, 1)]
        self.assertEqual([len(of_rank) for of_rank in doors], [2, 1])  # rank 0 keeps the store, too
        for rank, of_rank in enumerate(doors):
            self.assertEqual({address for address, _ in of_rank}, {self.hosts[rank].address})
        strangers = [subprocess.Popen(
            self.hosts[2].command(sys.executable, "-c", STRANGER, self.hosts[rank].address,
                                  *(str(port) for _, port in of_rank)),
            stdout=subprocess.PIPE, text=True) for rank, of_rank in enumerate(doors)]
        for stranger in strangers:
            self.addCleanup(stranger.wait)
            self.addCleanup(stranger.kill)
            self.assertEqual(stranger.stdout.readline(), "connected\n")
        self.trains("frozen0")

        for child in paused:
            child.send_signal(signal.SIGSTOP)
        for victim, run in runs.items():
            run[victim].send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        gone = "rank 0 died or cannot be reached: no heartbeat for "
        self.assert_end(runs[0], begin, {1: gone, 2: gone})
        self.assert_end(runs[1], begin, {0: "rank 1 died in phase", 2: "rank 1 died in phase"})
        self.assert_end(runs[2], begin, {0: "rank 2 died in phase", 1: "rank 2 died in phase"})
        for victim, run in runs.items():
            run[victim].kill()
            run[victim].communicate()

        time.sleep(max(begin + TIMEOUT + 1 - time.monotonic(), 0))
        for child in paused:  # all were: nobody is to blame
            child.send_signal(signal.SIGCONT)
        self.trains("paused")
        paused[1].terminate()
        codes, _, err = cluster.finish(paused)
        self.assertEqual(codes, [75, 75], err)

    def test_cables_pulled_out(self):
        first = self.start((0, 1, 2), "cable0")
        middle = self.start((1, 0, 2), "cable1")
        last = self.start((1, 2, 0), "cable2")
        self.trains("cable0", "cable1", "cable2")
        self.hosts[0].unplug()
        self.addCleanup(self.hosts[0].plug)
        begin = time.monotonic()
        gone = "rank 0 died or cannot be reached: no heartbeat for "
        self.assert_end(first, begin, {0: "no heartbeat from any other rank for", 1: gone, 2: gone})
        self.assert_end(middle, begin, {0: "rank 1 died in phase", 1: gone, 2: "rank 1 died in phase"})
        self.assert_end(last, begin, {0: "rank 2 died in phase", 1: "rank 2 died in phase", 2: gone})

    def test_latency_and_loss_end_no_run(self):
        for host in self.hosts[:2]:
            self.addCleanup(host.repair)
            if not host.impair("delay 20ms loss 1%"):
                self.skipTest("the kernel offers no netem")
        run = self.start((0, 1), "lossy", timeout=30)
        self.trains("lossy")
        run[1].terminate()
        codes, _, err = cluster.finish(run)
        self.assertEqual(codes, [75, 75], err)

    def test_addresses_that_lead_nowhere(self):
        begin = time.monotonic()
        nobody = self.start((0, 1), "nobody", timeout=4, MASTER_ADDR="10.77.0.99")
        loopback = self.start((0, 1), "loopback", GLOO_SOCKET_IFNAME="lo")
        self.assert_end(nobody, begin, {
            0: ": MASTER_ADDR is 10.77.0.99, which is not an address of this machine",
            1: " (MASTER_ADDR, MASTER_PORT) within 4s: "}, promised=4)
        codes, _, err = cluster.finish(loopback, timeout=60)
        self.assertEqual(codes, [1, 1], err)
        self.assertIn("GLOO_SOCKET_IFNAME=eth0", err)  # from the rank that fails first


if __name__ == "__main__":
    unittest.main()
