"""The same seed and number of threads give the same weights, byte for byte; another number of threads
gives them up to the order of float32 sums.

Runs the program named by DIFFUSE_PROGRAM. Exit code 77 (skipped) when that is not set or torch is missing.
"""

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

from cluster import IMAGES, POINTS, write_config


class Determinism(unittest.TestCase):
    def weights(self, config, threads):
        """All weights of a short run, in a row."""
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "run"
            environment = {name: v for name, v in os.environ.items() if name != "OMP_NUM_THREADS"}
            subprocess.run([os.environ["DIFFUSE_PROGRAM"], "train", "--config", write_config(folder, config),
                            "--out", out, "--device", "cpu", "--threads", str(threads), "-q"],
                           check=True, env=environment, stdout=subprocess.DEVNULL)
            model = torch.load(out / "model.pt", weights_only=True)["model"]
        return torch.cat([tensor.flatten() for tensor in model.values()])

    def test_of_one_number_of_threads(self):
        for config in (POINTS, IMAGES):
            for threads in (1, 2, 3):
                self.assertTrue(torch.equal(self.weights(config, threads), self.weights(config, threads)))

    def test_of_several_numbers_of_threads(self):
        one = self.weights(POINTS, 1)
        self.assertTrue(torch.equal(one, self.weights(POINTS, 3)))
        one = self.weights(IMAGES, 1)
        difference = (one - self.weights(IMAGES, 3)).abs().max()
        self.assertLess(difference, 1e-5 * one.abs().max())


if __name__ == "__main__":
    unittest.main()
