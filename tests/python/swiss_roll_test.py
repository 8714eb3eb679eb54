"""The swiss roll, trained and sampled by the program, against fresh points drawn here by NumPy."""
import os
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.environ.get("DIFFUSE_PROGRAM")
try:
    import numpy as np
except ImportError:
    np = None
if not PROGRAM or np is None:
    print("skipped: wants DIFFUSE_PROGRAM and numpy")
    sys.exit(77)
from swiss_roll_points import sliced_wasserstein, swiss_roll


class SwissRoll(unittest.TestCase):
    def test_samples_are_as_close_to_fresh_data_as_fresh_data_is(self):
        with tempfile.TemporaryDirectory() as folder:
            run = os.path.join(folder, "run")
            samples = os.path.join(folder, "x.npy")
            common = ["--device", "cpu", "-q"]
            subprocess.run([PROGRAM, "train", "--config", "configs/swiss_roll.json", "--out", run]
                           + common, check=True)
            subprocess.run([PROGRAM, "sample", "--ckpt", run, "-n", "5000", "--batch", "5000",
                            "-o", samples] + common, check=True)
            generated = np.load(samples)
        rng = np.random.default_rng(0)
        fresh = [swiss_roll(5000, rng) for _ in range(8)]
        between = np.mean([sliced_wasserstein(fresh[i], fresh[i + 1]) for i in range(0, 8, 2)])
        to_data = np.mean([sliced_wasserstein(generated, data) for data in fresh])
        print(f"sliced W2: samples to data {to_data:.4f}, data to data {between:.4f}, "
              f"ratio {to_data / between:.2f}")
        self.assertLess(to_data, 1.5 * between)


if __name__ == "__main__":
    unittest.main()
