#!/usr/bin/env python3
"""Memory: what `train --dry-run` foretells against the peak of the run itself, and how a run ends that
gets too little. Exit status 77: DIFFUSE_PROGRAM is not set, or not on Linux."""

import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import unittest

import cluster

if "DIFFUSE_PROGRAM" not in os.environ or not sys.platform.startswith("linux"):
    print("Skipped: DIFFUSE_PROGRAM is not set, or this is not Linux")
    sys.exit(77)

SHAPES = cluster.merged(cluster.IMAGES, {
    "data": {"image_size": 32, "count": 200}, "model": {"channels": 32, "attention_resolutions": []},
    "train": {"steps": 3, "sample_every": 0, "checkpoint_every": 1}})


def run(*arguments, limit=None):
    """Exit code, stdout, stderr and the most resident memory in MB; at most `limit` bytes of addresses."""
    def limited():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen([cluster.PROGRAM, *arguments], stdout=out, stderr=err,
                                   preexec_fn=limited, env=os.environ | {"OMP_NUM_THREADS": "1"})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        return process.returncode, out.read(), err.read(), usage.ru_maxrss / 1024


class Memory(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def command(self, changes, out="run"):
        config = cluster.write_config(self.folder, cluster.merged(SHAPES, {"train": changes}))
        return ["train", "--config", config, "--out", str(self.folder / out), "--device", "cpu",
                "--threads", "1", "--resume"]

    def test_a_dry_run_foretells_the_peak(self):
        for changes in ({"batch_size": 8}, {"batch_size": 64}, {"batch_size": 64, "micro_batch": 16}):
            command = self.command(changes, f"run{len(changes)}-{changes['batch_size']}")
            code, out, err, _ = run(*command, "--dry-run")
            self.assertEqual(code, 0, err)
            foretold = int(re.search(r"memory +(\d+) MB", out)[1])
            code, _, err, peak = run(*command)
            self.assertEqual(code, 0, err)
            print(f"{changes}: foretold {foretold} MB, measured {peak:.0f} MB")
            self.assertLess(abs(foretold / peak - 1), 0.15, changes)

    def test_too_little_ends_with_one_line_and_the_checkpoint(self):
        command = self.command({"batch_size": 4})
        self.assertEqual(run(*command)[0], 0)
        model = self.folder / "run" / "model.pt"
        before = model.read_bytes()
        huge = [*command, "--set", "train.steps=5", "--set", "train.batch_size=100000"]
        code, _, err, _ = run(*huge, limit=3 << 29)
        errors = [line for line in err.splitlines() if " error " in line]
        self.assertEqual(code, 1, err)
        self.assertEqual(len(errors), 1, err)
        self.assertEqual(err.splitlines()[-1], errors[0])
        for part in ("out of memory", "/train/micro_batch", "/train/gradient_checkpointing",
                     "/train/precision"):
            self.assertIn(part, errors[0])
        self.assertEqual(model.read_bytes(), before)

    def test_more_than_the_machine_has_is_refused_at_once(self):
        code, _, err, _ = run(*self.command({"batch_size": 10**13}))
        self.assertEqual(code, 2, err)
        self.assertEqual(len(err.splitlines()), 1, err)
        self.assertIn("/train/batch_size: the data alone of a process's 10000000000000 samples", err)


if __name__ == "__main__":
    unittest.main()
