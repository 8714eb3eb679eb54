"""model.pt opens in Python as a plain dict: torch.load(path, weights_only=True).

Trains a few steps with the program named by DIFFUSE_PROGRAM. Exit code 77 (skipped) when that is
not set or torch is missing.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import torch
except ImportError:
    sys.exit(77)
if "DIFFUSE_PROGRAM" not in os.environ:
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class CheckpointFileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.path = pathlib.Path(cls.folder.name) / "run" / "model.pt"
        command = [os.environ["DIFFUSE_PROGRAM"], "train", "--config", "configs/swiss_roll.json"]
        command += ["--set", "train.steps=20", "--out", str(cls.path.parent)]
        subprocess.run(command, cwd=ROOT, check=True)
        cls.contents = torch.load(cls.path, weights_only=True)

    def test_has_the_documented_keys(self):
        self.assertLessEqual({"format", "config", "step", "model", "ema"}, self.contents.keys())
        self.assertEqual(self.contents["step"], 20)
        self.assertIsInstance(json.loads(self.contents["config"]), dict)

    def test_every_weight_is_finite_and_has_its_average(self):
        model, ema = self.contents["model"], self.contents["ema"]
        self.assertGreater(len(model), 0)
        self.assertEqual({n: t.shape for n, t in model.items()}, {n: t.shape for n, t in ema.items()})
        for name, tensor in [*model.items(), *ema.items()]:
            self.assertTrue(torch.isfinite(tensor).all(), name)

    def test_maps_into_memory(self):
        mapped = torch.load(self.path, weights_only=True, mmap=True)
        for name, tensor in self.contents["model"].items():
            self.assertTrue(torch.equal(mapped["model"][name], tensor), name)


if __name__ == "__main__":
    unittest.main()
