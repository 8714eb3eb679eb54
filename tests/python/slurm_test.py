"""What the job scripts of scripts/slurm do where it takes a real SLURM minutes to come to it: stand-ins for
srun, squeue and scontrol. real_slurm_test.py has the rest."""
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import cluster

STANDINS = {
    "srun": 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"',  # without its options
    "squeue": 'echo "$STATE"',
    "scontrol": 'echo "$@" >>"$REQUEUED"',
}


class Slurm(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        for name, text in STANDINS.items():
            self.program(name, text)
        self.requeued = self.folder / "requeued"

    def program(self, name, text):
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    def run_job(self, script, *arguments, **variables):
        """The exit code of a job script of one task, and stderr."""
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}",
                       "DIFFUSE": cluster.PROGRAM, "REQUEUED": str(self.requeued),
                       "SLURM_JOB_ID": "7", "SLURM_NTASKS": "1", "STATE": "RUNNING None", **variables}
        job = subprocess.run(["bash", f"scripts/slurm/{script}", *map(str, arguments)],
                             cwd=cluster.ROOT, env=environment, text=True, timeout=60,
                             capture_output=True)
        return job.returncode, job.stderr

    def is_requeued(self, code, script="train.sh", state="RUNNING None"):
        """Whether a run that ends with this code, after many time limits, goes back into the queue."""
        self.requeued.unlink(missing_ok=True)
        program = self.program("program", f"exit {code}")
        ended, err = self.run_job(script, "x", self.folder / "run", DIFFUSE=program, STATE=state,
                                  SLURM_RESTART_COUNT="50", MAX_RESTARTS="2", SLURM_ARRAY_JOB_ID="6",
                                  SLURM_ARRAY_TASK_ID="1")
        self.assertEqual(ended, code, err)
        return self.requeued.exists()

    def test_bad_use_is_not_requeued(self):
        code, err = self.run_job("train.sh", "no_such.json", self.folder / "run")
        self.assertEqual(code, 2, err)
        self.assertFalse(self.requeued.exists())

    def test_only_jobs_that_slurm_does_not_end_are_requeued(self):
        """What squeue says: signalled or preempted with grace, out of time, cancelled or preempted without
        grace, gone."""
        for state, wanted in (("RUNNING None", True), ("COMPLETING TimeLimit", True),
                              ("COMPLETING None", False), ("CANCELLED None", False)):
            for script in ("train.sh", "train_nodes.sh", "sample_array.sh"):
                self.assertEqual(self.is_requeued(75, script, state), wanted, (script, state))
            self.assertEqual(self.is_requeued(1, "train.sh", state), wanted, state)
        self.is_requeued(75, "sample_array.sh")
        self.assertEqual(self.requeued.read_text(), "requeue 6_1\n")  # not the whole array
        self.is_requeued(75)
        self.assertEqual(self.requeued.read_text(), "requeue 7\n")

    def test_failures_in_a_row_are_counted_and_time_limits_are_not(self):
        for script in ("train.sh", "train_nodes.sh"):
            ends = [self.is_requeued(code, script) for code in (1, 1, 75, 1, 137, 1, 1)]
            self.assertEqual(ends, [True, True, True, True, True, False, False])
            self.assertTrue(self.is_requeued(75, script))

    def test_a_new_checkpoint_lets_a_run_fail_again(self):
        self.assertEqual([self.is_requeued(1) for _ in range(3)], [True, True, False])
        time.sleep(0.02)
        (self.folder / "run/model.pt").touch()
        self.assertEqual([self.is_requeued(1) for _ in range(3)], [True, True, False])


if __name__ == "__main__":
    unittest.main()
