#!/usr/bin/env python3
"""The job scripts of scripts/slurm, unchanged, on a real SLURM of two nodes. Exit status 77: no SLURM, no
namespaces to run it in, or DIFFUSE_PROGRAM is not set."""
import os
import pathlib
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

from slurm_nodes import Nodes

os.chdir(cluster.ROOT)
NO_GPUS = ("--gpus-per-node=0", "--cpus-per-task=1")


def until(what, condition, timeout=60, otherwise=str):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s\n{otherwise()}"
        time.sleep(0.1)


class RealSlurm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = pathlib.Path(scratch.name)
        os.environ["DIFFUSE"] = cluster.PROGRAM
        cls.slurm = Nodes(cls.folder)
        cls.config = cluster.write_config(cls.folder, cluster.merged(cluster.POINTS, {"train": {
            "steps": 1_000_000, "checkpoint_every": 100, "log_every": 1000, "eval_every": 0}}))

    def until_said(self, job, text, times=1):
        until(text, lambda: self.slurm.output(job).count(text) >= times,
              otherwise=lambda: self.slurm.output(job))

    def until_all(self, job, state):
        until(state, lambda: set(self.slurm.state(job).split()) == {state},
              otherwise=lambda: self.slurm.state(job) + "\n" + self.slurm.output(job))

    def submit_training(self, script, out, *more, options=()):
        return self.slurm.submit(*NO_GPUS, *options, f"scripts/slurm/{script}", self.config,
                                 self.folder / out, "--device", "cpu", *more)

    def submit_array(self, tasks):
        return self.slurm.submit("--array", tasks, "--gpus-per-task=0", "--cpus-per-task=1",
                                 "scripts/slurm/sample_array.sh", self.folder / "model",
                                 self.folder / "images", "200", "--batch", "2", "--device", "cpu")

    def run_without_slurm(self, *commands):
        for command in commands:
            done = subprocess.run([cluster.PROGRAM, *command], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)

    def image_times(self):
        return {path: path.stat().st_mtime_ns for path in self.folder.glob("images/part-*/*.png")}

    def assert_signalled_jobs_lost_nothing(self, short, array, steps):
        slurm, whole = self.slurm, self.folder / "whole_images"
        self.run_without_slurm(
            ["launch", "--nproc", "2", "--", *cluster.train(self.config, self.folder / "whole", *steps)],
            ["sample", "--ckpt", str(self.folder / "model"), "--seeds", "0-399", "--batch", "2", "-o",
             str(whole), "--device", "cpu", "-q"])
        for job in (short, array):
            self.until_all(job, "COMPLETED")
            self.assertIn("exit code 75: back into the queue", slurm.output(job))
        self.assertEqual(slurm.restarts(short), 1, slurm.output(short))
        self.assertEqual(*((self.folder / run / "model.pt").read_bytes() for run in ("whole", "short")))

        self.assertEqual([cluster.pixels(path) for path in sorted(self.image_times())],
                         [cluster.pixels(path) for path in sorted(whole.glob("*.png"))])

    def test_jobs_outlive_signals_nodes_and_preemption_and_end_by_scancel(self):
        slurm, begin, steps = self.slurm, time.time(), ("--set", "train.steps=1000")
        model = self.folder / "model"
        model.mkdir()
        config = cluster.write_config(model, cluster.merged(cluster.IMAGES, {
            "model": {"class_conditional": False},
            "train": {"steps": 1, "sample_every": 0, "label_dropout": 0}}))
        self.run_without_slurm(cluster.train(config, model))

        short = self.submit_training("train.sh", "short", *steps, options=["--ntasks-per-node=2"])
        array = self.submit_array("0-1")
        long = self.submit_training("train_nodes.sh", "long", "--peer-timeout", "6s",
                                    options=["--nodes=2", "--ntasks-per-node=1"])
        cluster.wait_until_saved(self.folder / "short", begin)
        slurm.ask("scancel", "--signal=USR1", short)
        until("the first images", lambda: (self.folder / "images/part-1/000010.png").exists())
        slurm.ask("scancel", "--signal=USR1", f"{array}_1")

        cluster.wait_until_saved(self.folder / "long", begin)
        self.assertEqual(slurm.ask("squeue", "-h", "-j", long, "-o", "%N"), "n[1-2]")
        slurm.kill("n2")
        self.until_said(long, "rank 1 died")
        slurm.revive("n2")
        self.assert_signalled_jobs_lost_nothing(short, array, steps)
        self.until_said(long, "continuing from")

        urgent = slurm.submit("-p", "high", "-N2", "--exclusive", "--wrap", "true")
        self.until_all(urgent, "COMPLETED")
        self.until_said(long, "continuing from", times=2)
        restarts = slurm.restarts(long)
        cluster.wait_until_saved(self.folder / "long", time.time())
        slurm.ask("scancel", long)
        self.until_said(long, "75: not put back into the queue, as SLURM ends the job (COMPLETING None)")
        self.until_all(long, "CANCELLED")
        self.assertEqual(slurm.restarts(long), restarts)

        made = self.image_times()
        again = self.submit_array("0")
        self.until_all(again, "COMPLETED")
        self.assertEqual(made, self.image_times())

    def test_what_is_submitted_wrongly_is_said_in_words(self):
        slurm = self.slurm
        short = slurm.submit(*NO_GPUS, "-t", "5", "--ntasks-per-node=1", "scripts/slurm/train.sh",
                             self.config, self.folder / "no", DIFFUSE="/bin/true")
        no_array = slurm.submit("--gpus-per-task=0", "scripts/slurm/sample_array.sh", "a", "b")
        oracle = slurm.submit("--array=3", "--gpus-per-task=0", "scripts/slurm/sample_array.sh",
                              "configs/gaussian_oracle.json", self.folder / "points", "20", "--device", "cpu")
        self.until_said(short, "The time limit leaves ")
        self.until_said(no_array, "sample_array.sh: no array: submit it with sbatch --array=0-49")
        self.until_said(oracle, "this model makes points or signals, not images; expected .npy")
        self.until_all(oracle, "FAILED")
        points = slurm.submit("--array=3", "--gpus-per-task=0", "scripts/slurm/sample_array.sh",
                              "configs/gaussian_oracle.json", self.folder / "points.npy", "20",
                              "--device", "cpu")
        self.until_all(points, "COMPLETED")
        self.assertTrue((self.folder / "points-3.npy").exists(), slurm.output(points))


if __name__ == "__main__":
    unittest.main()
