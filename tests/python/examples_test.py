"""The programs of examples/ and the C interface, from C++ and from Python.

Exit code 77 (skipped) when DIFFUSE_PROGRAM, DIFFUSE_LIBRARY or DIFFUSE_EXAMPLES is not set.
"""

import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

if not {"DIFFUSE_PROGRAM", "DIFFUSE_LIBRARY", "DIFFUSE_EXAMPLES"} <= os.environ.keys():
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXAMPLES = pathlib.Path(os.environ["DIFFUSE_EXAMPLES"])
sys.path.insert(0, str(ROOT / "examples"))

import sample_ctypes  # noqa: E402


def run(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=ROOT)


class ExamplesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.model = str(cls.folder / "run" / "model.pt")
        train = run(os.environ["DIFFUSE_PROGRAM"], "train", "--config", "configs/swiss_roll.json",
                    "--set", "train.steps=3", "--out", cls.folder / "run", "-q")
        assert train.returncode == 0, train.stderr
        cls.lib = sample_ctypes.load_library(os.environ["DIFFUSE_LIBRARY"])

    def test_samples_are_found_again_from_their_noise(self):
        edit = run(EXAMPLES / "edit_samples")
        self.assertEqual(edit.returncode, 0, edit.stderr)
        square, error = (float(line.split()[-1]) for line in edit.stdout.splitlines())
        self.assertAlmostEqual(square, 0.25, delta=0.04)  # the oracle's variance
        self.assertLess(error, 0.01)

    def test_training_on_own_tensors_gets_near_the_circle(self):
        printed = run(EXAMPLES / "train_on_tensors", 300).stdout
        distance = float(printed.split("circle")[1])
        self.assertLess(distance, 0.3)  # of noise: about 0.7

    def test_own_schedule_has_the_ends_it_was_made_for(self):
        words = run(EXAMPLES / "custom_schedule").stdout.split("step: ")[1].split()
        self.assertAlmostEqual(float(words[0]), 1 / (1 + 2.718281828 ** -10), places=5)
        self.assertAlmostEqual(float(words[1]), 1 / (1 + 2.718281828 ** 10), places=5)

    def test_samples_into_a_buffer(self):
        result = run(EXAMPLES / "sample_into_buffer", self.model)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(result.stdout.startswith("8 numbers"), result.stdout)

    def test_ctypes_draws_what_the_program_draws(self):
        out = self.folder / "x.npy"
        run(os.environ["DIFFUSE_PROGRAM"], "sample", "--ckpt", self.model, "-n", 5, "--seed", 3,
            "--sampler", "ddim", "--steps", 7, "--device", "cpu", "-o", out)
        expected = struct.unpack("<10f", out.read_bytes()[-40:])
        shape, numbers = sample_ctypes.sample(self.lib, self.model, 5, 3, "ddim", 7)
        self.assertEqual(shape, [5, 2])
        for a, b in zip(numbers, expected):
            self.assertAlmostEqual(a, b, places=5)

    def test_failures_are_one_line(self):
        for arguments, words in ((("nothing.pt", 1), "no such checkpoint"),
                                 ((self.model, 1, 0, "dimm"), "sampler"),
                                 ((self.model, 1, 0, "ddim", 9999), "steps")):
            with self.assertRaises(RuntimeError) as caught:
                sample_ctypes.sample(self.lib, *arguments)
            self.assertIn(words, str(caught.exception))
            self.assertNotIn("\n", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
