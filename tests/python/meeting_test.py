#!/usr/bin/env python3
"""Processes of a run that wait for others which do not come. Exit status 77: DIFFUSE_PROGRAM is not
set."""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import cluster

if "DIFFUSE_PROGRAM" not in os.environ:
    print("Skipped: DIFFUSE_PROGRAM is not set")
    sys.exit(77)


def by_torchrun(rank, host, port):
    return {"RANK": str(rank), "WORLD_SIZE": "3", "MASTER_ADDR": host, "MASTER_PORT": str(port)}


class Meeting(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.config = cluster.write_config(scratch.name, cluster.POINTS)
        self.out = scratch.name + "/run"

    def start(self, variables, timeout):
        command = cluster.train(self.config, self.out, "--peer-timeout", timeout)
        return subprocess.Popen([cluster.PROGRAM, *command], env={**os.environ, **variables},
                                text=True, cwd=cluster.ROOT, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE)

    def after_the_wait(self, variables, lines=2):
        """stderr of a process that waits 3 s for others in vain."""
        child = self.start(variables, "3s")
        err = child.stderr.readline()
        begin = time.monotonic()
        err += child.communicate(timeout=60)[1]
        self.assertLess(time.monotonic() - begin, 3 + 2, err)
        self.assertEqual(child.returncode, 1, err)
        self.assertEqual(err.count("\n"), lines, err)
        return err

    def test_rank_0_alone_says_at_once_for_whom_it_waits(self):
        port = str(cluster.free_port())
        err = self.after_the_wait({
            "SLURM_JOB_ID": "77", "SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0",
            "SLURM_JOB_NODELIST": "localhost", "MASTER_PORT": port})
        advice = "(SLURM says 4 tasks, this is one: start with srun, or unset SLURM_NTASKS)"
        self.assertIn(f"waiting up to 3s for ranks 1 to 3 at localhost:{port} {advice}", err)
        self.assertIn(f"of 4 processes, rank 1, 2, 3 did not come to localhost:{port} within 3s "
                      + advice, err)

    def test_the_last_task_of_srun_is_not_told_to_use_srun(self):
        err = self.after_the_wait({
            "SLURM_JOB_ID": "77", "SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0",
            "SLURM_STEP_ID": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_JOB_NODELIST": "localhost",
            "MASTER_PORT": str(cluster.free_port())})
        self.assertNotIn("srun", err)

    def test_another_run_at_the_same_port_is_left_alone(self):
        self.config = cluster.write_config(os.path.dirname(self.out), cluster.merged(
            cluster.POINTS, {"train": {"steps": 1_000_000, "checkpoint_every": 100}}))
        port = cluster.free_port()
        run = [self.start(by_torchrun(rank, "127.0.0.1", port), "1m") for rank in range(3)]
        cluster.wait_until_saved(self.out, 0)
        other = self.start(by_torchrun(1, "127.0.0.1", port), "10s")
        _, err = other.communicate(timeout=60)
        self.assertEqual(other.returncode, 1, err)
        self.assertIn(f"all 3 processes are at 127.0.0.1:{port} already: another run", err)
        run[0].send_signal(signal.SIGTERM)
        for rank in run:
            _, err = rank.communicate(timeout=60)
            self.assertEqual(rank.returncode, 75, err)
            self.assertNotIn("waiting up to", err)

    def test_a_rank_without_rank_0(self):
        port = cluster.free_port()
        err = self.after_the_wait(by_torchrun(1, "127.0.0.1", port))
        self.assertIn(f"waiting up to 3s for rank 0 at 127.0.0.1:{port} (WORLD_SIZE says 3 ", err)
        self.assertIn(f"did not find rank 0 at 127.0.0.1:{port}", err)
        self.assertIn("within 3s: Connection refused", err)

    def test_a_host_that_does_not_resolve(self):
        port = cluster.free_port()
        err = self.after_the_wait(by_torchrun(1, "nowhere.invalid", port))
        self.assertIn("within 3s: nowhere.invalid: ", err)
        err = self.after_the_wait(by_torchrun(0, "nowhere.invalid", port), lines=3)
        self.assertIn("no other process may find this one, MASTER_ADDR is nowhere.invalid: ", err)

    def test_a_port_that_accepts_and_is_silent(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            err = self.after_the_wait(by_torchrun(1, "127.0.0.1", port))
            self.assertIn("within 3s: what listens there has not answered as rank 0 would", err)
            err = self.after_the_wait(by_torchrun(0, "127.0.0.1", port), lines=1)
            self.assertIn(f"rank 0 cannot listen at 127.0.0.1:{port}; name a free port with "
                          "MASTER_PORT", err)

    def test_signals_end_the_wait(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            taken, port = silent.getsockname()[1], cluster.free_port()
            for variables in (by_torchrun(0, "127.0.0.1", port), by_torchrun(1, "127.0.0.1", taken),
                              by_torchrun(2, "nowhere.invalid", port)):
                for number in (signal.SIGTERM, signal.SIGINT):
                    child = self.start(variables, "10m")
                    line = child.stderr.readline()
                    self.assertIn("waiting up to 10m00s", line)
                    begin = time.monotonic()
                    child.send_signal(number)
                    _, err = child.communicate(timeout=60)
                    self.assertLess(time.monotonic() - begin, 2 + 1, err)
                    self.assertEqual(child.returncode, 1, err)
                    self.assertRegex(err, rf"^\S+ error .*stopped by {number.name} while it waited "
                                     "for the other processes: nothing was done\n$")


if __name__ == "__main__":
    unittest.main()
