"""The job scripts of scripts/slurm, run against stand-ins for srun and scontrol on this machine: what
they ask of SLURM is checked, SLURM itself is not."""
import os
import pathlib
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import cluster

# Starts SLURM_NTASKS processes as srun does, passes signals on, and ends with their highest code.
SRUN = r"""#!/usr/bin/env python3
import os, signal, subprocess, sys
command = [word for word in sys.argv[1:] if not word.startswith("--kill-on-bad-exit")]
n = int(os.environ["SLURM_NTASKS"])
tasks = [subprocess.Popen(command, env={**os.environ, "SLURM_PROCID": str(i), "SLURM_LOCALID": str(i),
                                        "SLURM_STEP_NODELIST": "localhost"}) for i in range(n)]
for number in (signal.SIGUSR1, signal.SIGTERM):
    signal.signal(number, lambda sent, _: [task.send_signal(sent) for task in tasks])
sys.exit(max(task.wait() for task in tasks))
"""
SCONTROL = '#!/bin/sh\necho "$@" >>"$REQUEUED"\n'


class Slurm(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
            path = self.folder / name
            path.write_text(text)
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        self.requeued = self.folder / "requeued"

    def start(self, script, *arguments, **variables):
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}",
                       "DIFFUSE": cluster.PROGRAM, "REQUEUED": str(self.requeued),
                       "SLURM_JOB_ID": str(cluster.free_port()), **variables}
        return subprocess.Popen(["bash", f"scripts/slurm/{script}", *map(str, arguments)],
                                cwd=cluster.ROOT, env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_training_requeues_itself_before_its_time_is_up_and_goes_on(self):
        config = cluster.write_config(self.folder, cluster.merged(cluster.POINTS, {
            "train": {"steps": 1_000_000, "checkpoint_every": 100, "log_every": 100, "eval_every": 0}}))
        arguments = (config, self.folder / "run", "--device", "cpu", "--threads", "1")
        for script in ("train.sh", "train_nodes.sh"):
            since = time.time()
            job = self.start(script, *arguments, SLURM_NTASKS="2")
            cluster.wait_until_saved(self.folder / "run", since)
            # As SLURM does, to the processes of the step and not to the script.
            step = subprocess.run(["pgrep", "-P", str(job.pid)], capture_output=True, text=True)
            os.kill(int(step.stdout.split()[0]), signal.SIGUSR1)
            _, err = job.communicate(timeout=60)
            self.assertEqual(job.returncode, 75, err)
            self.assertTrue(self.requeued.read_text().startswith("requeue "))
            self.requeued.unlink()
        job = self.start("train.sh", *arguments, "--set", "train.steps=200", SLURM_NTASKS="2",
                         SLURM_RESTART_COUNT="2")
        _, err = job.communicate(timeout=60)
        self.assertEqual(job.returncode, 0, err)
        self.assertFalse(self.requeued.exists())

    def is_requeued(self, code, script="train.sh"):
        """Whether a run that ends with this code, after many time limits, goes back into the queue."""
        program = self.folder / "program"
        program.write_text(f"#!/bin/sh\nexit {code}\n")
        program.chmod(0o755)
        self.requeued.unlink(missing_ok=True)
        job = self.start(script, "x", self.folder / "run", SLURM_NTASKS="1", DIFFUSE=str(program),
                         SLURM_RESTART_COUNT="50", MAX_RESTARTS="2")
        job.communicate(timeout=60)
        self.assertEqual(job.returncode, code)
        return self.requeued.exists()

    def test_bad_use_is_not_requeued(self):
        job = self.start("train.sh", "no_such.json", self.folder / "run", SLURM_NTASKS="1")
        job.communicate(timeout=60)
        self.assertEqual(job.returncode, 2)
        self.assertFalse(self.requeued.exists())

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

    def test_a_sampling_array_gives_the_images_of_its_seeds(self):
        config = cluster.write_config(self.folder, cluster.merged(cluster.IMAGES, {
            "model": {"class_conditional": False},
            "train": {"steps": 1, "sample_every": 0, "label_dropout": 0}}))
        subprocess.run([cluster.PROGRAM, *cluster.train(config, self.folder / "run")], check=True,
                       capture_output=True, cwd=cluster.ROOT)
        for task in ("0", "1"):
            job = self.start("sample_array.sh", self.folder / "run", self.folder / "out", 2, "-q",
                             "--device", "cpu", SLURM_NTASKS="1", SLURM_ARRAY_TASK_ID=task)
            _, err = job.communicate(timeout=60)
            self.assertEqual(job.returncode, 0, err)
        subprocess.run([cluster.PROGRAM, "sample", "--ckpt", str(self.folder / "run"), "--seeds",
                        "0-3", "-o", str(self.folder / "whole"), "-q", "--device", "cpu"],
                       check=True, capture_output=True)

        def images(folder):
            return [path.read_bytes() for path in sorted(folder.glob("*.png"))]

        parts = images(self.folder / "out/part-0") + images(self.folder / "out/part-1")
        whole = images(self.folder / "whole")
        self.assertEqual(len(parts), 4)
        self.assertEqual([pixels(png) for png in parts], [pixels(png) for png in whole])


def pixels(png):
    """The compressed pixels (IDAT chunks), without the text chunks that say how they were made."""
    chunks, at = [], 8
    while at < len(png):
        length = int.from_bytes(png[at:at + 4], "big")
        if png[at + 4:at + 8] == b"IDAT":
            chunks.append(png[at + 8:at + 8 + length])
        at += 12 + length
    return b"".join(chunks)


if __name__ == "__main__":
    unittest.main()
