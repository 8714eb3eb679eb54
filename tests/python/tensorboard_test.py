"""What `diffuse train` logs, as TensorBoard itself reads it.

Trains a few steps with the program named by DIFFUSE_PROGRAM. Exit code 77 (skipped) when that is
not set or tensorboard is missing.
"""

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    sys.exit(77)
if "DIFFUSE_PROGRAM" not in os.environ:
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class TensorBoardTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.run_folder = pathlib.Path(cls.folder.name) / "run"
        command = [os.environ["DIFFUSE_PROGRAM"], "train", "--config", "configs/swiss_roll.json"]
        command += ["--set", "train.steps=20", "--set", "train.log_every=5"]
        subprocess.run(command + ["--out", str(cls.run_folder)], cwd=ROOT, check=True)
        files = list(cls.run_folder.rglob("events.out.tfevents.*"))
        assert len(files) == 1, files
        cls.events = EventAccumulator(str(files[0])).Reload()

    def test_has_one_loss_for_each_logged_step(self):
        losses = self.events.Scalars("train/loss")
        self.assertEqual([event.step for event in losses], [5, 10, 15, 20])
        self.assertTrue(all(math.isfinite(event.value) for event in losses))

    def test_agrees_with_the_metrics_file(self):
        lines = (self.run_folder / "metrics.jsonl").read_text().splitlines()
        rows = [row for row in map(json.loads, lines) if "train/loss" in row]
        logged = {row["step"]: row["train/loss"] for row in rows}
        for event in self.events.Scalars("train/loss"):
            self.assertAlmostEqual(logged[event.step], event.value, delta=1e-4 * event.value)


if __name__ == "__main__":
    unittest.main()
