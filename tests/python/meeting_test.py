#!/usr/bin/env python3
"""Processes of a run that wait for others which do not come. Exit status 77: DIFFUSE_PROGRAM is not
set."""
import concurrent.futures
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


SLACK = 5  # seconds, for a machine that is busy with other tests


def by_torchrun(rank, host, port):
    return {"RANK": str(rank), "WORLD_SIZE": "3", "MASTER_ADDR": host, "MASTER_PORT": str(port)}


def by_slurm(rank, port, **more):
    """As SLURM's shells have it: 4 tasks are said, and one is started."""
    return {"SLURM_JOB_ID": "77", "SLURM_NTASKS": "4", "SLURM_PROCID": str(rank), "SLURM_LOCALID": "0",
            "SLURM_JOB_NODELIST": "localhost", "MASTER_PORT": str(port), **more}


class Meeting(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.config = cluster.write_config(scratch.name, cluster.POINTS)
        self.out = scratch.name + "/run"

    def start(self, variables, timeout):
        command = cluster.train(self.config, self.out, "--peer-timeout", timeout)
        child = subprocess.Popen([cluster.PROGRAM, *command], env={**os.environ, **variables},
                                 text=True, cwd=cluster.ROOT, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE)
        self.addCleanup(child.kill)
        return child

    def end_of_wait(self, child):
        """stderr of a process that waits 3 s for others in vain."""
        return self.last_words(child, 3, child.stderr.readline())

    def last_words(self, child, seconds, err=""):
        """stderr of a process that fails: the last line comes within that time from now. How long the
        system takes to take it down is another matter."""
        begin = last = time.monotonic()
        for line in child.stderr:
            err, last = err + line, time.monotonic()
        self.assertLess(last - begin, seconds + SLACK, err)
        self.assertEqual(child.wait(timeout=60), 1, err)
        return err

    def at_once(self, wait, children):
        with concurrent.futures.ThreadPoolExecutor(len(children)) as pool:
            return list(pool.map(wait, children))

    def test_who_is_waited_for_in_vain(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            taken, free = silent.getsockname()[1], [cluster.free_port() for _ in range(4)]
            cases = (by_slurm(0, free[0]),
                     by_slurm(0, free[1], SLURM_STEP_ID="3", SLURM_STEP_NUM_TASKS="4"),
                     by_torchrun(1, "127.0.0.1", free[2]),
                     by_torchrun(1, "nowhere.invalid", free[2]),
                     by_torchrun(0, "nowhere.invalid", free[3]),
                     by_torchrun(1, "127.0.0.1", taken),
                     by_torchrun(0, "127.0.0.1", taken))
            errs = self.at_once(self.end_of_wait, [self.start(case, "3s") for case in cases])
        self.assertEqual([err.count("\n") for err in errs], [2, 2, 2, 2, 3, 2, 1], errs)
        shell, srun, alone, unresolved, unresolved_0, silent, taken_0 = errs

        advice = "(SLURM says 4 tasks: start with srun or unset SLURM_NTASKS)"
        self.assertIn(f"waiting up to 3s for ranks 1 to 3 at localhost:{free[0]} {advice}", shell)
        self.assertIn(f"of 4 processes, rank 1, 2, 3 did not connect to localhost:{free[0]} within 3s "
                      + advice, shell)
        self.assertNotIn("srun", srun)  # which has started it

        self.assertIn(f"waiting up to 3s for rank 0 at 127.0.0.1:{free[2]} (WORLD_SIZE says 3 ", alone)
        self.assertIn(f"did not find rank 0 at 127.0.0.1:{free[2]}", alone)
        self.assertIn("within 3s: Connection refused", alone)
        self.assertIn("within 3s: nowhere.invalid: ", unresolved)
        self.assertIn("other processes may not find this one: MASTER_ADDR is nowhere.invalid: ",
                      unresolved_0)
        self.assertIn("within 3s: the server there did not answer as rank 0", silent)
        self.assertIn(f"rank 0 cannot listen at 127.0.0.1:{taken}: Address already in use; name a free "
                      "port with MASTER_PORT", taken_0)

    def assert_listen_on_the_loopback(self, run):
        for child in run:
            addresses = {address for address, _ in cluster.listening(child.pid)}
            self.assertEqual(addresses, {"127.0.0.1"})

    def test_a_run_leaves_another_alone_and_takes_a_rank_back_that_is_started_again(self):
        self.config = cluster.write_config(os.path.dirname(self.out), cluster.merged(
            cluster.POINTS, {"train": {"steps": 1_000_000, "checkpoint_every": 100}}))
        ranks = [by_torchrun(rank, "127.0.0.1", cluster.free_port()) for rank in range(3)]
        for variables in ranks:
            variables["MASTER_PORT"] = ranks[0]["MASTER_PORT"]
        run = [self.start(variables, "1m") for variables in ranks]
        cluster.wait_until_saved(self.out, 0)
        self.assert_listen_on_the_loopback(run)
        other = self.start(ranks[1], "10s")
        _, err = other.communicate(timeout=60)
        self.assertEqual(other.returncode, 1, err)
        self.assertIn(f"all 3 processes are already at 127.0.0.1:{ranks[0]['MASTER_PORT']}: another run",
                      err)

        run[1].kill()
        again = {1: self.start(ranks[1], "1m")}
        for rank in (0, 2):
            _, err = run[rank].communicate(timeout=60)
            self.assertEqual(run[rank].returncode, 1, err)
            self.assertIn("rank 1 died: its process was restarted; ending the run", err)
            again[rank] = self.start(ranks[rank], "1m")
        cluster.wait_until_saved(self.out, time.time())
        again[0].send_signal(signal.SIGTERM)
        for rank, child in again.items():
            _, err = child.communicate(timeout=60)
            self.assertEqual(child.returncode, 75, err)
            self.assertNotIn("waiting up to", err if rank != 1 else "")

    def end_by_signal(self, child_and_signal):
        child, number = child_and_signal
        self.assertIn("waiting up to 10m00s", child.stderr.readline())
        child.send_signal(number)
        err = self.last_words(child, 2)
        self.assertRegex(err, rf"^\S+ error .*stopped by {number.name} while waiting for the other "
                         "processes: nothing was done\n$")

    def test_signals_end_the_wait(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            taken = silent.getsockname()[1]
            places = (lambda: by_torchrun(0, "127.0.0.1", cluster.free_port()),
                      lambda: by_torchrun(1, "127.0.0.1", taken),
                      lambda: by_torchrun(2, "nowhere.invalid", taken))
            self.at_once(self.end_by_signal, [
                (self.start(place(), "10m"), number)
                for place in places for number in (signal.SIGTERM, signal.SIGINT)])


if __name__ == "__main__":
    unittest.main()
